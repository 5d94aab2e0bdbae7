/**
 * Quantised activations at full size through the real TPU compiler, beside bfloat16 rows: what the
 * feed-forward of 128 rows takes where a device multiplies the type, and what the plan says of it. And
 * float4 weights, which become float8 where float8 rows multiply them, on simulated devices.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { moegen, onlyObject } from "../cli/moegen.ts";

const TOKENS = 2048;
const VMEM_ERROR = 0.05;

const CASES = [
  { device: "v6e", weights: "int8", type: "int8", most: 0.7 },
  { device: "v7x", weights: "float8_e4m3fn", type: "float8_e4m3fn", most: 0.75 },
  { device: "v7x", weights: "float4_e2m1fn", type: "float8_e4m3fn", most: 0.75 },
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

describe.sequential.each(CASES)(
  "$weights with $type on $device",
  ({ device, weights, type, most }) => {
    let quantized: Compiled;
    let plain: Compiled;

    beforeAll(async () => {
      quantized = await compiled(device, {
        weights,
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
  },
);

describe("float4 weights with float8 rows, on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-float4-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("right under skew and beside bad tokens, in whole blocks of scales", async () => {
    const file = join(folder, "float4.moe.ts");
    const spec = {
      name: "float4_rows",
      layer: {
        ...{ experts: 32, topK: 4, hidden: 1024, intermediate: 1024, biases: true },
        ...{ activation: { kind: "swigluoai", alpha: 1.702, limit: 7 } },
        routing: { where: "kernel", scoring: "softmax", renormalize: true },
        quantization: {
          ...{ weights: "float4_e2m1fn", granularity: { kind: "sub_channel", block: 512 } },
          ...{ scales: "float32", activations: "float8_e4m3fn" },
        },
      },
      mesh: { ep: 2, axes: ["data", "tensor"] },
      devices: ["v7x"],
      schedule: { kind: "gather", tiles: { all: { upTo: 256, bt: 32, bf: 1024, bd: 1024 } } },
    };
    writeFileSync(
      file,
      `import { moe } from "moegen";\nexport default moe(${JSON.stringify(spec)});\n`,
    );
    const ran = await moegen([
      "validate",
      file,
      "--case",
      "hot-device,hostile-logits,passes",
      "--json",
    ]);
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });
});
