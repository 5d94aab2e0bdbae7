/**
 * Quantised activations at full size through the real TPU compiler, beside bfloat16 rows: what the
 * feed-forward of 128 rows takes where a device multiplies the type, and what the plan says of it.
 */

import { beforeAll, describe, expect, test } from "vitest";
import config from "../../examples/configs/qwen3-30b-a3b.json" with { type: "json" };
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { moe } from "../../src/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { compileSpec } from "../../src/runner/index.ts";
import type { CompileTargetResult } from "../../src/runner/types.ts";
import type { Quantization } from "../../src/spec/quantization.ts";
import { feedForward } from "../bench/row-work.mjs";

const TOKENS = 2048;
const VMEM_ERROR = 0.05;

const CASES = [
  { device: "v6e", type: "int8", most: 0.7 },
  { device: "v7x", type: "float8_e4m3fn", most: 0.75 },
] as const;

interface Compiled {
  readonly plan: Plan;
  readonly target: CompileTargetResult;
}

async function compiled(
  device: (typeof CASES)[number]["device"],
  quantization?: Quantization,
): Promise<Compiled> {
  const spec = moe({
    name: "qwen3_rows",
    layer: moe.fromHuggingFace(config, quantization === undefined ? {} : { quantization }),
    mesh: { ep: 4 },
    devices: [device],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: TOKENS, bt: 128, btc: [32, 128], bf: 768, bd: 2048 } },
    },
  });
  const { plan, findings } = judge(spec, registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  const { targets } = await compileSpec(plan, { tokens: [TOKENS], workers: 1 }, () => {});
  const [target] = targets;
  if (target === undefined) throw new Error("nothing was compiled");
  return { plan, target };
}

describe.sequential.each(CASES)("$type on $device", ({ device, type, most }) => {
  let quantized: Compiled;
  let plain: Compiled;

  beforeAll(async () => {
    quantized = await compiled(device, {
      weights: type,
      granularity: "per_channel",
      scales: "float32",
      activations: type,
    });
    plain = await compiled(device);
  });

  test("the feed-forward takes less than with bfloat16 rows and weights", () => {
    const bundles = ({ target }: Compiled): number =>
      feedForward(target.bundles?.scopes ?? {})[128] ?? Number.NaN;
    expect(bundles(quantized) / bundles(plain)).toBeLessThanOrEqual(most);
  });

  test("VMEM and scopes are the plan's", () => {
    const { plan, target } = quantized;
    const { planned = 0, used = 0 } = target.vmem ?? {};
    expect(Math.abs(planned / used - 1)).toBeLessThanOrEqual(VMEM_ERROR);
    const { stages } = allOf(lowerFor(plan, { device, tokens: TOKENS }, registries));
    const scopes = Object.keys(target.bundles?.scopes ?? {}).filter((path) => path !== "");
    const found = new Set(scopes.map((path) => path.split("/").at(-1)));
    expect(found).toEqual(new Set(stages.map(({ name }) => name)));
  });

  test("a token row has a byte for each column and its scale on the wire", () => {
    const sent = ({ plan: { kernels } }: Compiled): number => {
      const streams = kernels.slice(0, 1).flatMap((kernel) => allOf(kernel).streams);
      return streams.find(({ name }) => name === "rows_out")?.bytes ?? 0;
    };
    expect(sent(quantized) / sent(plain)).toBe((2048 + 512) / 4096);
  });
});
