/** Specs that got round the types: any value where another is meant, fields left out or made up. */
import fc from "fast-check";
import { auto, choices } from "../../src/index.ts";
import { FromConfig } from "./from-config.ts";

export const anything = fc.oneof(
  fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }),
  fc.constantFrom(auto, Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 53),
);
const size = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 2, 7, 8, 16, 64, 100, 128, 256, 512, 768, 2048) },
  { weight: 1, arbitrary: fc.integer() },
  { weight: 1, arbitrary: anything },
);
const choice = fc.oneof(
  size,
  fc.constant(auto),
  fc.tuple(size, size).map(([a, b]) => choices(a as number, b as number)),
);
const oneOf = (...values: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: anything },
  );

const bucket = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        upTo: size,
        bt: choice,
        bf: choice,
        bd: choice,
        btc: fc.oneof(fc.array(size), fc.constant(undefined)),
        slots: oneOf(2, 3, 4, undefined),
        predicted: oneOf({ v6e: { fused: 1, epmoe: 2 } }, { v6e: { fused: 0 } }, undefined),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: anything },
);

const routing = fc.oneof(
  fc.record(
    {
      where: oneOf("kernel", "given"),
      scoring: oneOf("softmax", "sigmoid", "sqrt_softplus", "none"),
      renormalize: oneOf(true, false),
      renormEpsilon: oneOf(
        ...[undefined, 1e-20, 1e-50, 0, 2, "1e-20", [1e-20], {}],
        ...[{ atLeast: 1e-12 }, { atLeast: 1e-50 }, { atLeast: 2, atMost: 3 }],
      ),
      scoreChosen: oneOf(true, undefined),
      scoreNear: oneOf(0.02, 2, undefined),
      scalingFactor: size,
      logitSoftCap: size,
    },
    { requiredKeys: [] },
  ),
  anything,
);

const layer = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        experts: size,
        topK: size,
        hidden: size,
        intermediate: size,
        activation: oneOf("silu", "gelu"),
        dtype: oneOf("bfloat16", "float32"),
        routing,
        biases: oneOf(true, undefined),
        quantization: oneOf(
          { weights: "int8", granularity: "per_channel" },
          { weights: "int4", granularity: { kind: "sub_channel", block: 192 } },
          { weights: "float4_e2m1fn", granularity: { kind: "sub_channel", block: 32 } },
          { weights: "int8", granularity: "per_channel", activations: "int8" },
          { weights: "int8", granularity: "per_channel", activations: "float8_e4m3fn" },
          { weights: "float8_e5m2", granularity: { kind: "sub_channel" }, scales: "int8" },
        ),
        sharedExperts: oneOf(
          { count: 1, intermediate: 256, gate: "sigmoid" },
          { count: 3 },
          { count: 1, intermediate: 256, quantization: "none" },
          { count: 1, intermediate: 256, quantization: { weights: "int8" } },
        ),
        redundantExperts: size,
        identityExperts: size,
      },
      { requiredKeys: [] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        anything,
        fc.record(
          { sharedExperts: oneOf("outside"), topK: size, quantization: oneOf("none"), routing },
          { requiredKeys: [] },
        ),
      )
      .map(([config, overrides]) => new FromConfig(config, overrides)),
  },
  { weight: 1, arbitrary: anything },
);

export const wildSpecs: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        name: oneOf("small", "3d", "class"),
        source: oneOf("a", undefined),
        layer,
        mesh: oneOf(
          { ep: 4 },
          { ep: 3, axes: ["a", "a"] },
          { ep: 2, axes: [] },
          { ep: 2, tp: "two", tpAxes: ["data"] },
          { ep: 2, tokenAxes: ["data", "data", 3] },
        ),
        devices: fc.oneof(fc.array(oneOf("v5e", "v5p", "v6e", "v7x")), anything),
        schedule: fc.oneof(
          {
            weight: 9,
            arbitrary: fc.record({
              kind: oneOf("gather"),
              tiles: fc.oneof(fc.dictionary(fc.string(), bucket, { maxKeys: 3 }), anything),
            }),
          },
          { weight: 1, arbitrary: anything },
        ),
        emit: oneOf({ reference: false }, undefined),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: anything },
);
