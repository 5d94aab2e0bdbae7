/** Runs the built command line as a user does. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, type Options } from "execa";

export { emptyFolder } from "../folders.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const mainFile = join(root, "dist", "cli", "main.js");
export const qwen = join(root, "examples", "qwen3-30b-a3b.moe.ts");

export interface Ran {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export async function moegen(args: readonly string[], options: Options = {}): Promise<Ran> {
  const ran = await execa(process.execPath, [mainFile, ...args], {
    ...options,
    env: { NO_COLOR: "1", ...options.env },
    reject: false,
  });
  return { code: ran.exitCode, stdout: String(ran.stdout), stderr: String(ran.stderr) };
}

/** The one JSON object on stdout; fails when there is anything else. */
export function onlyObject({ stdout }: Ran): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}
