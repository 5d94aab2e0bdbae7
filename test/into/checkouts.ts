/** Checkouts of sgl-jax that environment variables name, and the specs of the tiny checkpoints. */
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { emptyFolder, moegen, type Ran } from "../cli/moegen.ts";
import type { Checkpoint, Job } from "./decode.ts";

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

const GROUPED =
  'scoring: "sigmoid", renormalize: true, scalingFactor: 2.5, correctionBias: true, ' +
  'groups: { count: 4, kept: 2, score: "sum_of_top_2" }';
const BIASED = 'scoring: "sigmoid", renormalize: true, correctionBias: true';

const ROUTING: Readonly<Record<Checkpoint["model"], string>> = {
  deepseek_v3: GROUPED,
  kimi_k2_5: GROUPED,
  gemma4: 'scoring: "softmax", renormalize: true',
  glm4_moe: GROUPED,
  glm5: GROUPED,
  grok: 'scoring: "softmax", renormalize: false, logitSoftCap: 30',
  kimi_linear: GROUPED,
  ling: GROUPED,
  ling_linear: GROUPED,
  mimo_v2_flash: BIASED,
  minimax_m2: BIASED,
  qwen2_moe: 'scoring: "softmax", renormalize: false',
  qwen3_5: 'scoring: "softmax", renormalize: true',
  qwen3_moe: 'scoring: "softmax", renormalize: true',
  qwen3_moe_fp8: 'scoring: "softmax", renormalize: true',
  qwen3_omni: 'scoring: "softmax", renormalize: true',
};

const GELU: ReadonlySet<Checkpoint["model"]> = new Set(["gemma4", "grok"]);

/**
 * A spec for a tiny checkpoint as its model is published: the target adapts it to the tree.
 * `quantized`: a suffix of the name, and the layer's field.
 */
export function specFor(
  { model, dtype }: Checkpoint,
  ep: number,
  quantized?: readonly [string, string],
): string {
  const [suffix, quantization] = quantized ?? ["", undefined];
  const name = `tiny_${model}_${dtype === "float32" ? "f32" : "bf16"}_ep${ep}${suffix}`;
  // Rows of 8 bits come in registers of 32.
  const bt = quantization?.includes("activations") === true ? 32 : 16;
  const field = quantization === undefined ? "" : `\n    quantization: ${quantization},`;
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
    activation: "${GELU.has(model) ? "gelu" : "silu"}",
    dtype: "${dtype}",${field}
    routing: { where: "kernel", ${ROUTING[model]} },
  },
  mesh: { ep: ${ep} },
  devices: ["${quantized === undefined ? "v6e" : "v7x"}"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: ${bt}, bf: 256, bd: 256 } } },
});
`,
  );
  return path;
}

/** Greedy tokens of a case. */
export const TOKENS = 16;

/**
 * Checkpoints, each with a prompt of seven tokens (which four devices do not divide) whose sixteen
 * greedy tokens are chosen by a margin of at least so many logits, of a standard deviation near 1.
 */
export const CASES: readonly (Checkpoint & { prompt: readonly number[]; margin: number })[] = [
  {
    model: "qwen3_moe",
    dtype: "float32",
    prompt: [497, 374, 324, 279, 287, 478, 144],
    margin: 0.08,
  },
  {
    model: "qwen3_moe",
    dtype: "bfloat16",
    prompt: [497, 374, 324, 279, 287, 478, 144],
    margin: 0.04,
  },
  {
    model: "qwen2_moe",
    dtype: "float32",
    prompt: [438, 354, 203, 467, 286, 421, 55],
    margin: 0.12,
  },
  {
    model: "qwen2_moe",
    dtype: "bfloat16",
    prompt: [438, 354, 203, 467, 286, 421, 55],
    margin: 0.1,
  },
  { model: "ling", dtype: "float32", prompt: [91, 102, 193, 497, 17, 344, 152], margin: 0.09 },
  { model: "ling", dtype: "bfloat16", prompt: [243, 318, 458, 61, 236, 152, 387], margin: 0.06 },
  { model: "grok", dtype: "bfloat16", prompt: [488, 102, 257, 28, 219, 484, 318], margin: 0.05 },
];

export const FOUR = { mesh: [1, 4], ep: 4 } as const;
export const ONE = { mesh: [1, 1], ep: 1 } as const;
/** What the generated kernel is called. */
export const BACKEND = { "2025-12": "fused", head: "fused_generated" } as const;

/** A case on one device. */
export function caseOf(
  model: Checkpoint["model"],
  dtype: Checkpoint["dtype"],
): Omit<Job, "backend"> {
  const found = CASES.find((one) => one.model === model && one.dtype === dtype);
  if (found === undefined) throw new Error(`no case of ${model} in ${dtype}`);
  return { ...found, ...ONE, tokens: TOKENS };
}

export const build = (tree: string, specs: readonly string[], ...flags: string[]): Promise<Ran> =>
  moegen(["build", ...specs, "--into", tree, ...flags]);

/**
 * The specs of cases on `ep` devices. Where models route themselves, those that differ in routing
 * alone share a kernel, and a second one for it would be refused.
 */
export function specsFor(name: CheckoutName, cases: readonly Checkpoint[], ep: number): string[] {
  const layer = ({ model, dtype }: Checkpoint): string =>
    `${name === "head" ? model === "grok" : model} ${dtype}`;
  const own = new Map(cases.map((one) => [layer(one), one]));
  return [...own.values()].map((one) => specFor(one, ep));
}
