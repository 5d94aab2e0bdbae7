/**
 * What one token should not have, and that must not touch another: logits that are NaN or infinite,
 * ids given twice, rows that are not finite. Each scoring with experts that fill vector registers
 * (E 8 and 16) and that do not (E 6, 10, 12), on 1, 2 and 4 simulated devices; out-of-bounds reads
 * raise. All but seven kernels by default, `npm run test:long` runs all.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { emitPackage } from "../../src/emit/index.ts";
import { CaseRun } from "../../src/runner/case-run.ts";
import { withWorker, writePackage } from "../../src/runner/index.ts";
import type { CaseResult } from "../../src/runner/types.ts";
import { planOf, sizeOf } from "../../src/runner/validate.ts";
import { defined } from "../../src/spec/defined.ts";
import type { LayerSpec, RoutingSpec } from "../../src/spec/layer.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { long } from "../long.ts";

type InKernel = Extract<RoutingSpec, { where: "kernel" }>;

interface Kernel {
  readonly experts: number;
  readonly topK: number;
  readonly ep: number;
  readonly routing: RoutingSpec;
  readonly identityExperts?: number;
  /** Rows and sums of 8 bits: a row's scale is what says that it is not finite. */
  readonly narrow?: "int8" | "float8_e4m3fn";
}

function scored(
  scoring: InKernel["scoring"],
  renormalize: boolean,
  more: Partial<InKernel> = {},
): InKernel {
  return { where: "kernel", scoring, renormalize, scalingFactor: 1, ...more };
}

const biased = { correctionBias: true } as const;
const given = { where: "given" } as const;
const KERNELS: Readonly<Record<string, Kernel>> = {
  "softmax, E 16": { experts: 16, topK: 4, ep: 4, routing: scored("softmax", true) },
  "softmax, E 6": { experts: 6, topK: 2, ep: 2, routing: scored("softmax", false) },
  "softmax of the chosen, E 10": {
    experts: 10,
    topK: 4,
    ep: 1,
    routing: scored("softmax", false, { scoreChosen: true }),
  },
  "identity experts, E 10": {
    experts: 10,
    topK: 4,
    ep: 2,
    identityExperts: 5,
    routing: scored("softmax", false, { scalingFactor: 6, correctionBias: true }),
  },
  "identity experts given, E 8": {
    experts: 8,
    topK: 4,
    ep: 2,
    identityExperts: 3,
    routing: { where: "given" },
  },
  "softmax of the near, E 10": {
    experts: 10,
    topK: 3,
    ep: 2,
    routing: scored("softmax", false, { scoreNear: 0.5 }),
  },
  "sigmoid, E 8": { experts: 8, topK: 3, ep: 2, routing: scored("sigmoid", true) },
  "sigmoid and epsilon, E 10": {
    experts: 10,
    topK: 4,
    ep: 2,
    routing: scored("sigmoid", true, { renormEpsilon: 1e-20 }),
  },
  "sigmoid, E 12": { experts: 12, topK: 4, ep: 4, routing: scored("sigmoid", false) },
  "sigmoid, biased groups, E 12": {
    experts: 12,
    topK: 4,
    ep: 2,
    routing: scored("sigmoid", true, {
      ...biased,
      renormEpsilon: 1e-20,
      groups: { count: 4, kept: 2, score: "sum_of_top_2" },
    }),
  },
  "softmax, biased, divided by a least sum, E 12": {
    experts: 12,
    topK: 4,
    ep: 4,
    routing: scored("softmax", true, { ...biased, renormEpsilon: { atLeast: 1e-12 } }),
  },
  "sigmoid, divided by a least sum, E 10": {
    experts: 10,
    topK: 3,
    ep: 1,
    routing: scored("sigmoid", true, { renormEpsilon: { atLeast: 1e-6 } }),
  },
  "sigmoid of the chosen, E 8": {
    experts: 8,
    topK: 2,
    ep: 1,
    routing: scored("sigmoid", false, { scoreChosen: true }),
  },
  "none, E 16": { experts: 16, topK: 4, ep: 4, routing: scored("none", false) },
  "none, E 10": { experts: 10, topK: 5, ep: 2, routing: scored("none", true) },
  "none, groups, E 8": {
    experts: 8,
    topK: 4,
    ep: 1,
    routing: scored("none", false, { groups: { count: 4, kept: 2, score: "max" } }),
  },
  "int8 rows and sums": {
    ...{ experts: 16, topK: 4, ep: 2, narrow: "int8" },
    routing: scored("softmax", true),
  },
  "float8 rows": {
    ...{ experts: 8, topK: 2, ep: 1, narrow: "float8_e4m3fn" },
    routing: scored("sigmoid", false),
  },
  "given, E 6": { experts: 6, topK: 4, ep: 1, routing: given },
  "given, E 8": { experts: 8, topK: 3, ep: 2, routing: given },
  "given, E 16": { experts: 16, topK: 8, ep: 4, routing: given },
};

function narrowed({ narrow, ep }: Kernel): Partial<LayerSpec> {
  if (narrow === undefined) return {};
  const quantization = { weights: narrow, granularity: "per_channel", scales: "float32" } as const;
  return {
    quantization: { ...quantization, activations: narrow },
    ...(ep > 1 ? { wire: { dispatch: narrow, combine: "int8" as const } } : {}),
  };
}

function specOf(kernel: Kernel, name: string): MoeSpec {
  const { experts, topK, ep, routing } = kernel;
  return {
    name,
    layer: {
      ...{ experts, topK, hidden: 256, intermediate: 128, routing },
      ...{ activation: "silu", dtype: "bfloat16", weights: "fused" },
      ...narrowed(kernel),
      ...defined({ identityExperts: kernel.identityExperts }),
    },
    mesh: { ep, axes: ["expert"] },
    devices: ["v6e"],
    schedule: { kind: "gather", tiles: { all: { upTo: 256, bt: 32, bf: 128, bd: 256 } } },
    emit: { reference: true },
  };
}

/** By default not run: each has its scoring and its padding in another one. */
const LONG: readonly string[] = [
  ...["softmax, E 16", "sigmoid, E 8", "sigmoid, E 12", "sigmoid, divided by a least sum, E 10"],
  ...["sigmoid of the chosen, E 8", "none, E 16", "given, E 6"],
];
const names = Object.keys(KERNELS).filter((name) => long || !LONG.includes(name));
const DEVICES = 4;
/** Every kind of a hostile token, each on some device, and as many others. */
const TOKENS = 32;

describe("a hostile token touches no other", () => {
  const results = new Map<string, readonly CaseResult[]>();

  beforeAll(async () => {
    await withWorker({ ep: DEVICES }, async (local) => {
      for (const [name, kernel] of Object.entries(KERNELS)) {
        if (!names.includes(name)) continue;
        const plan = planOf(specOf(kernel, `hostile_${names.indexOf(name)}`), name);
        const folder = await writePackage(await emitPackage(plan), local.folder, plan.name);
        const { where } = kernel.routing;
        const cases = ["reference", where === "given" ? "hostile-ids" : "hostile-logits"];
        const subject = { plan, tokens: [TOKENS], bucketTokens: [] };
        const run = new CaseRun(subject, {
          reproduce: () => name,
          options: { cases },
          size: sizeOf(plan, false),
          onEvent: () => {},
        });
        await run.share(local, { package: folder }, [0, 1]);
        results.set(name, run.inOrder());
      }
    });
  });

  test.each(names)("%s", (name) => {
    const found = results.get(name) ?? [];
    expect(found.map((one) => one.case)).toHaveLength(2);
    expect(found.filter(({ ok }) => !ok)).toEqual([]);
  });
});
