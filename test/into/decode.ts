/** Greedy decoding through a real sgl-jax tree, in the Python environment of its JAX. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { ensureTreeEnvironment } from "../../src/house/trees.mjs";
import { emptyFolder, root } from "../cli/moegen.ts";

const HARNESS = join(root, "python", "tests", "sgl_jax");

/** What is compiled runs a few steps: XLA's slower passes cost more than they save. */
export const QUICK_COMPILE =
  "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true" +
  " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1";

export type DType = "bfloat16" | "float32";

export interface Checkpoint {
  /** Key of MODELS in checkpoint.py. */
  readonly model:
    | "deepseek_v3"
    | "gemma4"
    | "glm4_moe"
    | "glm5"
    | "grok"
    | "kimi_k2_5"
    | "kimi_linear"
    | "ling"
    | "ling_linear"
    | "mimo_v2_flash"
    | "minimax_m2"
    | "qwen2_moe"
    | "qwen3_5"
    | "qwen3_moe"
    | "qwen3_moe_fp8"
    | "qwen3_omni";
  readonly dtype: DType;
}

export interface Job extends Checkpoint {
  readonly backend: string;
  /** Devices over data and over tensor. */
  readonly mesh: readonly [number, number];
  readonly ep: number;
  readonly prompt: readonly number[];
  /** How often the prompt is asked: as requests of one batch, which `mesh[0]` divides. Absent: once. */
  readonly requests?: number;
  /** Copies of experts; with them the experts lie backwards. Absent: none, and each in its place. */
  readonly redundant?: number;
  readonly tokens: number;
  /** Ask the server's capturer which experts were chosen. */
  readonly capture?: boolean;
  /** Below "quantization" in a file of the server's --quantization-config-path. */
  readonly quantization?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly ids?: readonly (readonly number[])[];
  readonly margins?: readonly (readonly number[])[];
  /** By request, layer and token. */
  readonly experts?: readonly (readonly (readonly (readonly number[])[])[])[];
  /** What the tree decided. */
  readonly backend?: string;
  readonly error?: string;
}

/**
 * Runs jobs one after the other in one process; `python` is the tree's own source folder. Checkpoints
 * are made in `folder` where they are not there from an earlier call.
 */
export async function decode(
  python: string,
  jax: string,
  jobs: readonly Job[],
  folder = emptyFolder(),
): Promise<readonly Answer[]> {
  const interpreter = await ensureTreeEnvironment(jax);
  const environment = {
    JAX_PLATFORMS: "cpu",
    // The interpreter wants a thread for every simulated device and more.
    NPROC: "64",
    XLA_FLAGS: `--xla_force_host_platform_device_count=4 ${QUICK_COMPILE}`,
    PYTHONPATH: `${python}:${HARNESS}`,
  };
  const names = [...new Set(jobs.map(({ model, dtype }) => `${model}-${dtype}`))];
  const missing = names.filter((name) => !existsSync(join(folder, name)));
  const script = join(folder, "make.py");
  writeFileSync(
    script,
    `import pathlib, sys
from checkpoint import write_checkpoint
for name in sys.argv[2:]:
    model, dtype = name.split("-")
    write_checkpoint(pathlib.Path(sys.argv[1], name), model, dtype, seed=1)
`,
  );
  if (missing.length > 0) {
    await execa(interpreter, [script, folder, ...missing], { env: environment });
  }
  const lines = jobs.map(({ model, dtype, prompt, requests = 1, tokens, ...job }) =>
    JSON.stringify({
      ...job,
      model: join(folder, `${model}-${dtype}`),
      dtype,
      prompts: Array.from({ length: requests }, () => prompt),
      new_tokens: tokens,
    }),
  );
  const { stdout } = await execa(interpreter, [join(HARNESS, "decode.py")], {
    env: environment,
    input: lines.join("\n"),
    stderr: "ignore",
  });
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Answer);
}
