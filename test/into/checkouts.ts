/** Checkouts of sgl-jax that environment variables name, and the specs of the tiny checkpoints. */
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { emptyFolder } from "../cli/moegen.ts";
import type { Checkpoint } from "./decode.ts";

const VARIABLES = { "2025-12": "MOEGEN_SGLJAX_2025_12", head: "MOEGEN_SGLJAX_HEAD" } as const;
export type CheckoutName = keyof typeof VARIABLES;

/** The checkout's folder; nothing, and said loudly, where no variable names one. */
export function checkoutOf(name: CheckoutName): string | undefined {
  const variable = VARIABLES[name];
  const folder = process.env[variable];
  if (folder === undefined || folder === "") {
    console.warn(`SKIPPED: the proof on the ${name} tree; set ${variable} to a checkout of it`);
    return undefined;
  }
  if (!existsSync(join(folder, "python", "sgl_jax"))) {
    throw new Error(`${variable} is ${folder}, where there is no python/sgl_jax`);
  }
  return folder;
}

/** A copy of a checkout with a history of one commit. */
export async function copyOf(checkout: string): Promise<string> {
  const to = emptyFolder();
  for (const part of ["python", "test/srt/run_suite.py", "benchmark"]) {
    const from = join(checkout, part);
    if (existsSync(from)) cpSync(from, join(to, part), { recursive: true });
  }
  const git = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "gc.auto=0"];
  for (const args of [
    ["init", "-q"],
    ["add", "-Af"],
    ["commit", "-qm", "as it is"],
  ]) {
    await execa("git", [...git, ...args], { cwd: to });
  }
  return to;
}

const ROUTING: Readonly<Record<Checkpoint["model"], string>> = {
  grok: 'scoring: "softmax", renormalize: false, logitSoftCap: 30',
  ling:
    'scoring: "sigmoid", renormalize: true, scalingFactor: 2.5, correctionBias: true, ' +
    'groups: { count: 4, kept: 2, score: "sum_of_top_2" }',
  qwen2_moe: 'scoring: "softmax", renormalize: false',
  qwen3_moe: 'scoring: "softmax", renormalize: true',
};

/** A spec for a tiny checkpoint as its model is published: the target adapts it to the tree. */
export function specFor({ model, dtype }: Checkpoint, ep: number): string {
  const name = `tiny_${model}_${dtype === "float32" ? "f32" : "bf16"}_ep${ep}`;
  const path = join(emptyFolder(), `${name}.moe.ts`);
  writeFileSync(
    path,
    `import { moe } from "moegen";

export default moe({
  name: "${name}",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 256,
    intermediate: 256,
    activation: "${model === "grok" ? "gelu" : "silu"}",
    dtype: "${dtype}",
    routing: { where: "kernel", ${ROUTING[model]} },
  },
  mesh: { ep: ${ep} },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 256, bd: 256 } } },
});
`,
  );
  return path;
}
