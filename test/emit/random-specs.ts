/** Random specs that are legal: what the generated Python of any of them must be is one test. */
import fc from "fast-check";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { auto, moe } from "../../src/index.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { deviceNames } from "../../src/target/device/registry.ts";

const divisors = (size: number, multiple: number): readonly number[] =>
  Array.from({ length: size / multiple }, (_, index) => (index + 1) * multiple).filter(
    (tile) => size % tile === 0,
  );

const identifier = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom("_", "a", "m", "Z", "i8"),
      fc.string({
        unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCXYZ0123456789__"),
        maxLength: maxLength - 2,
        size: "max",
      }),
    )
    .map((parts) => parts.join(""));

/** Multiples of `step`, at least 128. */
const sizes = (step: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.ceil(128 / step), max: most }).map((count) => count * step);

const routing = fc.oneof(
  fc.record(
    {
      where: fc.constant("kernel" as const),
      scoring: fc.constantFrom("softmax" as const, "sigmoid" as const, "none" as const),
      renormalize: fc.boolean(),
      scalingFactor: fc.constantFrom(1, 2.5, 16, 1e-7, 0.3333333333333333),
      logitSoftCap: fc.constantFrom(30, 0.5, 1e21),
      scoreChosen: fc.constant(true as const),
      correctionBias: fc.constant(true as const),
      groups: fc.record({
        count: fc.constantFrom(1, 2, 4),
        kept: fc.constantFrom(1, 2),
        score: fc.constantFrom("max" as const, "sum_of_top_2" as const),
      }),
    },
    { requiredKeys: ["where", "scoring", "renormalize"] },
  ),
  fc.constant({ where: "given" as const }),
);

const quantized = fc.record({
  weights: fc.constantFrom(
    "float8_e4m3fn" as const,
    "float8_e5m2" as const,
    "int8" as const,
    "float4_e2m1fn" as const,
    "int4" as const,
  ),
  granularity: fc.oneof(
    fc.constantFrom("per_channel" as const, "blocks_128x128" as const),
    fc.constantFrom(32, 64, 256).map((block) => ({ kind: "sub_channel" as const, block })),
  ),
  scales: fc.constantFrom("float32" as const, "bfloat16" as const),
});

const layer = fc
  .record({
    ep: fc.constantFrom(1, 2, 4, 8),
    local: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 32, 64)),
    dtype: fc.constantFrom("bfloat16" as const, "float32" as const),
    // Whole registers of lanes, whole packed words, and neither.
    hidden: fc.oneof(sizes(256, 16), sizes(128, 8), sizes(16, 40)),
    intermediate: fc.oneof(sizes(128, 12), sizes(16, 40)),
    activation: fc.oneof(
      fc.constantFrom("silu" as const, "gelu" as const, "gelu_erf" as const),
      fc.constant({ kind: "clamped_swiglu" as const, limit: 10 }),
      fc.record({
        kind: fc.constant("swigluoai" as const),
        alpha: fc.constantFrom(1.702, 1e-9, 1),
        limit: fc.constantFrom(7, 0.1),
      }),
    ),
    weights: fc.constantFrom("fused" as const, "separate" as const, "side_by_side" as const),
    biases: fc.constantFrom(undefined, true as const),
    quantization: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, quantized),
    sharedExperts: fc.oneof(
      fc.constant(undefined),
      fc.record(
        {
          count: fc.integer({ min: 1, max: 4 }),
          intermediate: sizes(128, 8),
          gate: fc.constant("sigmoid" as const),
          quantization: fc.oneof(fc.constant("none" as const), quantized),
        },
        { requiredKeys: ["count", "intermediate"] },
      ),
    ),
    routing,
    topK: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ ep, local, topK, ...rest }) => ({
    ep,
    layer: {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      hidden: rest.hidden,
      intermediate: rest.intermediate,
      experts: ep * local,
      topK: Math.min(topK, ep * local),
    },
  }));

const spec = layer
  .chain(({ ep, layer: made }) => {
    const bucket = fc
      .record({
        rows: fc.constantFrom(1, 2, 3, 4, 8, 16),
        bodies: fc.integer({ min: 1, max: 4 }),
        bf: fc.oneof(
          fc.constant(made.intermediate),
          fc.constantFrom(...divisors(made.intermediate, made.intermediate % 128 === 0 ? 128 : 16)),
        ),
        bd: fc.oneof(
          fc.constant(made.hidden),
          fc.constantFrom(...divisors(made.hidden, made.hidden % 128 === 0 ? 128 : 16)),
        ),
        automatic: fc.boolean(),
        slots: fc.constantFrom(undefined, 2 as const, 3 as const, 4 as const),
      })
      .map(({ rows, bodies, bf, bd, automatic, slots }) => ({
        bt: automatic ? auto : rows * 16,
        bf: automatic ? auto : bf,
        bd: automatic ? auto : bd,
        ...(slots === undefined ? {} : { slots }),
        ...(automatic || bodies > rows
          ? {}
          : { btc: [...Array.from({ length: bodies - 1 }, (_, i) => 16 * (i + 1)), rows * 16] }),
      }));
    return fc.record({
      name: identifier(60),
      source: fc.constantFrom(
        undefined,
        "https://example.org/config.json",
        `a "card" \\ ${"x".repeat(120)}`,
      ),
      layer: fc.constant(made),
      mesh: fc
        .record({
          ep: fc.constant(ep),
          axes: fc.uniqueArray(identifier(24), { minLength: 1, maxLength: 4 }),
          replicated: fc.nat(4),
        })
        .map(({ replicated, ...mesh }) =>
          // From either end, so that tokens keep the experts' order of axes, or do not.
          replicated === 0
            ? mesh
            : { ...mesh, tokenAxes: mesh.axes.slice(replicated % 2 === 0 ? 1 : 0, replicated) },
        ),
      devices: fc.uniqueArray(fc.constantFrom(...deviceNames), { minLength: 1, maxLength: 4 }),
      schedule: fc
        .tuple(
          fc.uniqueArray(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 3 }),
          fc.array(bucket, { minLength: 3, maxLength: 3 }),
        )
        .map(([counts, buckets]) => ({
          kind: "gather" as const,
          tiles: Object.fromEntries(
            [...counts]
              .sort((a, b) => a - b)
              .map((upTo, index) => [`to_${upTo}`, { upTo, ...buckets[index] }]),
          ),
        })),
      emit: fc.record({ reference: fc.boolean() }),
    });
  })
  .map(({ source, ...rest }) =>
    moe({ ...rest, ...(source === undefined ? {} : { source }) } as never),
  );

/** Plans of legal specs, the same on every run; their names differ. */
export function randomPlans(count: number, seed: number): readonly Plan[] {
  const plans = new Map<string, Plan>();
  for (const made of fc.sample(spec, { numRuns: 8 * count, seed })) {
    const { plan } = judge(made, registries);
    // Package folders must differ where a file system ignores case, too.
    if (plan !== undefined) plans.set(plan.name.toLowerCase(), plan);
    if (plans.size === count) break;
  }
  return [...plans.values()];
}
