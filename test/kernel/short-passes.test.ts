/** Passes of 8 tokens a device: where 16 do not fit, and what keeps them from it. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { pallasCalls } from "../../src/plan/call.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { scaleSpec } from "../../src/validate/scale.ts";

/** DeepSeek-V3's routed experts. */
const LAYER: LayerSpec = {
  experts: 256,
  topK: 8,
  hidden: 7168,
  intermediate: 2048,
  activation: "silu",
  dtype: "bfloat16",
  weights: "fused",
  quantization: {
    weights: "float8_e4m3fn",
    granularity: "blocks_128x128",
    scales: "float32",
  },
  routing: { where: "kernel", scoring: "sigmoid", renormalize: true, scalingFactor: 2.5 },
};

function wide(ep: number, layer: Partial<LayerSpec> = {}, passTokens?: number): MoeSpec {
  const bucket = { upTo: 2048, bt: 32, bf: 128, bd: 1024 };
  return {
    name: "wide",
    layer: { ...LAYER, ...layer },
    mesh: { ep, axes: ["expert"] },
    devices: ["v7x"],
    schedule: {
      kind: "gather",
      tiles: { all: { ...bucket, ...(passTokens === undefined ? {} : { passTokens }) } },
    },
    emit: { reference: true },
  };
}

test.each([
  ["DeepSeek-V3 at ep 128", wide(128)],
  ["D = 8192 at ep 64", wide(64, { hidden: 8192, experts: 512 })],
])("%s has room for 8 tokens a device", (_, spec) => {
  const { plan, findings } = judge(spec, registries);
  expect(findings).toEqual([]);
  const kernel = plan?.kernels[0];
  expect(kernel?.tiles.own.pass_tokens).toBe(8);
  expect(kernel?.passes).toBe(2048 / spec.mesh.ep / 8);
  const sums = pallasCalls(kernel!)[0]?.buffers.find(({ name }) => name === "token_sums");
  expect(sums?.shape[0]).toBe((8 * spec.mesh.ep + 1) * (spec.layer.hidden / 128));
});

test("where 16 have room a pass has 16, unless the bucket says 8; and a scaled spec says so too", () => {
  const { plan } = judge(wide(32), registries);
  expect(plan?.kernels[0]?.tiles.own.pass_tokens).toBeGreaterThanOrEqual(16);
  const short = judge(wide(32, {}, 8), registries).plan!;
  expect(short.kernels[0]?.tiles.own.pass_tokens).toBe(8);
  const { spec } = scaleSpec(short, registries.schedules.gather!, 4);
  expect(Object.values(spec.schedule.tiles)[0]?.passTokens).toBe(8);
});

test("a package whose passes are all longer does not know of shorter ones", async () => {
  const shapes = async (spec: MoeSpec) =>
    (await emitPackage(judge(spec, registries).plan!)).get("wide/shapes.py");
  expect(await shapes(wide(32))).not.toContain("token_group");
  expect(await shapes(wide(32, {}, 8))).toContain("def token_group");
});

test("with deterministic there are none: VMEM is exceeded, or the bucket is refused", () => {
  const layer = { deterministic: true } as const;
  const codes = (spec: MoeSpec) => judge(spec, registries).findings.map(({ code }) => code);
  expect(codes(wide(128, layer))).toContain("MOE201");
  const { findings } = judge(wide(32, layer, 8), registries);
  expect(findings.map(({ message }) => message)).toContain("passTokens = 8 with deterministic");
});

test("rows of 8 bits between devices are quantised 8 at a time", async () => {
  const layer = { wire: { dispatch: "float8_e4m3fn" } } as const;
  const { plan, findings } = judge(wide(128, layer), registries);
  expect(findings).toEqual([]);
  expect(plan?.kernels[0]?.tiles.own.pass_tokens).toBe(8);
  const rows = (await emitPackage(judge(wide(32, layer, 8), registries).plan!)).get("wide/rows.py");
  expect(rows).toContain("def quantize_tokens(r: Refs, s: Shape, slot, token):");
  expect(rows).toContain("pl.ds(token, s.token_group)");
});

/** A bucket of few tokens alone, its tiles cut so that slots for a few experts have room. */
function few(upTo: number, bucket: Partial<BucketSpec> = {}): MoeSpec {
  const spec = wide(32);
  const tiles = { all: { upTo, bt: 32, bf: 256, bd: 7168, ...bucket } };
  return { ...spec, schedule: { kind: "gather", tiles } };
}

test("where a device has 8 tokens at most and weights want the room, passes have 8", () => {
  const own = (upTo: number) => judge(few(upTo), registries).plan?.kernels[0]?.tiles;
  expect(own(256)?.own.pass_tokens).toBe(8);
  expect(own(512)?.own.pass_tokens).toBe(16);
  expect(own(256)?.slots).toBeGreaterThan(own(512)?.slots ?? 0);
  // But not where the bucket names more.
  const named = judge(few(256, { passTokens: 16 }), registries).plan?.kernels[0]?.tiles;
  expect(named?.own.pass_tokens).toBe(16);
});

test("a device with fewer than 8 tokens sends as many rows, not whole registers of them", () => {
  const kernel = judge(few(64), registries).plan!.kernels[0]!;
  const rows = pallasCalls(kernel)[0]?.streams.find(({ name }) => name === "rows_out");
  // Two tokens, of 28 sublanes each, to 31 devices.
  expect(rows?.bytes).toBe(31 * 2 * 28 * 512);
  // Out of HBM sums go in chunks, which are of whole registers.
  const held = judge(few(96, { rows: "hbm with sums" }), registries).plan!.kernels[0]!;
  const sums = pallasCalls(held)[0]?.streams.find(({ name }) => name === "sums_out");
  expect(sums?.bytes).toBe(31 * 8 * 28 * 512);
});
