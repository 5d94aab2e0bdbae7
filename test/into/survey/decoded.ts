/**
 * What the proofs decoded, for the table of docs/trees.md. With MOEGEN_SGLJAX_DECODED=FILE the tests of
 * `test/into` that compare tokens append a line to it for each comparison that held.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import type { Checkpoint, Job } from "../decode.ts";

const TITLES: Readonly<Record<Checkpoint["model"], string>> = {
  deepseek_v3: "DeepSeek-V3",
  gemma4: "Gemma-4",
  glm4_moe: "GLM-4.5",
  glm5: "GLM-5",
  grok: "Grok",
  kimi_k2_5: "Kimi-K2.5's language model",
  kimi_linear: "Kimi-Linear",
  ling: "Ling",
  ling_linear: "Ling-2.5",
  mimo_v2_flash: "MiMo-V2-Flash",
  minimax_m2: "MiniMax-M2",
  qwen2_moe: "Qwen2-MoE",
  qwen3_5: "Qwen3.5",
  qwen3_moe: "Qwen3-MoE",
  qwen3_moe_fp8: "Qwen3-MoE",
  qwen3_omni: "Qwen3-Omni's thinker",
};

/** The same greedy tokens from EPMoE and from the generated kernel. */
interface Decoded {
  /** A release's name, or a commit's day and short hash. */
  readonly version: string;
  readonly model: string;
  /** What is particular: "two requests". */
  readonly how?: string;
  readonly dtype: string;
  /** Devices over data and over tensor. */
  readonly mesh: readonly [number, number];
  readonly backend: string;
  readonly jax: string;
  /** Of each request. */
  readonly tokens: number;
}

/** A release's name, or the day and the short hash of a checkout's commit. */
async function versionOf(folder: string): Promise<string> {
  if (!existsSync(join(folder, ".git"))) return basename(folder);
  const { stdout } = await execa("git", [
    "-C",
    folder,
    "log",
    "-1",
    "--abbrev=8",
    "--format=%cs `%h`",
  ]);
  return stdout;
}

/** Nothing where no variable names a file. */
export async function record(
  folder: string,
  jax: string,
  { model, dtype, mesh, backend, tokens }: Omit<Job, "ep" | "prompt">,
  how?: string,
): Promise<void> {
  const file = process.env.MOEGEN_SGLJAX_DECODED;
  if (!file) return;
  const version = await versionOf(folder);
  const one: Decoded = {
    ...{ version, model: TITLES[model], dtype, mesh, backend, jax, tokens },
    ...(how === undefined ? {} : { how }),
  };
  appendFileSync(file, `${JSON.stringify(one)}\n`);
}

/** A row for each version and way; those of the same commit, day and way are one. */
export function decodedTable(file: string): string {
  const lines = readFileSync(file, "utf8").split("\n");
  const read = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Decoded);
  const rows = new Map<string, Set<string>>();
  for (const { version, model, how, dtype, mesh, backend, jax, tokens } of read) {
    const said = how === undefined ? "" : ` (${how})`;
    const after = [dtype, mesh.join(" × "), `\`${backend}\``, jax, tokens].join(" | ");
    const key = JSON.stringify([version, said, after]);
    rows.set(key, (rows.get(key) ?? new Set()).add(model));
  }
  const table = [...rows].map(([key, models]) => {
    const [version, said, after] = JSON.parse(key) as [string, string, string];
    return { version, line: `| ${version} | ${[...models].join(", ")}${said} | ${after} |` };
  });
  table.sort((one, other) =>
    one.version < other.version ? -1 : one.version > other.version ? 1 : 0,
  );
  return [
    "| version | model | dtype | data × tensor | back end | JAX | tokens |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...table.map(({ line }) => line),
  ].join("\n");
}
