/** Whatever a spec says, the checker answers with diagnostics: it never throws. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codes } from "../../src/check/codes.ts";
import { judge } from "../../src/check/judge.ts";
import { locate } from "../../src/check/locate.ts";
import { auto, choices, moe } from "../../src/index.ts";
import { fakes } from "./fake-schedule.ts";
import { specText } from "./marked.ts";

const anything = fc.oneof(
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
      scoring: oneOf("softmax", "sigmoid", "none"),
      renormalize: oneOf(true, false),
      scoreChosen: oneOf(true, undefined),
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
      },
      { requiredKeys: [] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        anything,
        fc.oneof(
          fc.record({ sharedExperts: oneOf("outside"), topK: size, routing }, { requiredKeys: [] }),
        ),
      )
      .map(([config, overrides]) => moe.fromHuggingFace(config as never, overrides as never)),
  },
  { weight: 1, arbitrary: anything },
);
const spec = fc.oneof(
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

describe("random specs", () => {
  test("never throw anything but diagnostics", () => {
    fc.assert(
      fc.property(spec, (input) => {
        const made = moe(input as never);
        if (typeof made !== "object" || made === null) return;
        const { findings, plan } = judge(made, fakes);
        const failed = findings.some(({ severity }) => severity === "error");
        expect(plan === undefined).toBe(failed);
        for (const { code, message, rule } of findings) {
          expect(codes).toHaveProperty(code);
          expect(message).not.toMatch(/undefined|NaN %|\[object/);
          expect(rule ?? codes[code].rule).not.toBe("");
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a plan's every kernel fits its device, at legal tiles", () => {
    const sane = fc.record({
      bt: fc.constantFrom(16, 64, auto),
      bf: fc.constantFrom(128, 384, auto),
      bd: fc.constantFrom(512, 2048, auto),
      upTo: fc.integer({ min: 1, max: 4096 }),
    });
    fc.assert(
      fc.property(sane, (tiles) => {
        const made = moe({
          name: "small",
          layer: {
            experts: 8,
            topK: 2,
            hidden: 2048,
            intermediate: 768,
            activation: "silu",
            routing: { where: "given" },
          },
          mesh: { ep: 2 },
          devices: ["v5e", "v7x"],
          schedule: { kind: "gather", tiles: { all: tiles } },
        });
        const { plan } = judge(made, fakes);
        expect(plan?.kernels.map(({ device }) => device)).toEqual(["v5e", "v7x"]);
        for (const kernel of plan?.kernels ?? []) {
          expect(kernel.vmem.used).toBeLessThanOrEqual(kernel.vmem.available);
          expect(768 % kernel.tiles.bf).toBe(0);
          expect(2048 % kernel.tiles.bd).toBe(0);
        }
      }),
    );
  });

  test("any path has a place in any text", async () => {
    const text = specText();
    const lines = text.split("\n");
    const step = fc.constantFrom(
      "layer",
      "schedule",
      "tiles",
      "decode",
      "bf",
      "devices",
      0,
      1,
      "x",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step), fc.string(), async (path, other) => {
        const { line, column, endColumn } = await locate(text, { path });
        expect(lines[line - 1]?.length).toBeGreaterThanOrEqual(endColumn - 1);
        expect(endColumn).toBeGreaterThan(column);
        await locate(other, { path, at: "key" });
      }),
      { numRuns: 60 },
    );
  });
});
