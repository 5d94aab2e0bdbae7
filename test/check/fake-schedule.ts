/** A schedule with round numbers: three VMEM buffers, whose sizes a test can work out by hand. */

import type { Registries } from "../../src/lower/lower.ts";
import type { Buffer, KernelPlan } from "../../src/plan/plan.ts";
import type { LowerInput, Schedule } from "../../src/schedule/schedule.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import { devices } from "../../src/target/device/registry.ts";

const multiples = (step: number, most: number): readonly number[] =>
  Array.from({ length: Math.floor(most / step) }, (_, index) => (index + 1) * step);

const tiling = (size: number): readonly number[] =>
  multiples(128, size).filter((tile) => size % tile === 0);

function lower({ layer, device, tiles, tokens }: LowerInput): KernelPlan {
  const { slots = 2 } = tiles;
  const { hidden, dtype } = layer;
  const item = dtype === "bfloat16" ? 2 : 4;
  const buffer = (name: string, bytes: number, slots = 1): Buffer => ({
    name,
    space: name === "ids" ? "SMEM" : "VMEM",
    shape: [bytes],
    dtype,
    slots,
    bytes,
    meaning: name,
  });
  const buffers = [
    buffer("weights", slots * 3 * tiles.bd * tiles.bf * item, slots),
    buffer("rows", tiles.bt * hidden * item),
    buffer("sums", tiles.bt * hidden * 4),
    buffer("ids", tokens * layer.topK * 4),
  ];
  const used = (space: Buffer["space"]): number =>
    buffers.filter((b) => b.space === space).reduce((sum, b) => sum + b.bytes, 0);
  return {
    bucket: tiles.bucket,
    device: device.name,
    tokens,
    tiles: {
      ...tiles,
      slots,
      btc: tiles.btc ?? [tiles.bt],
      streamed: false,
      own: {},
    },
    passes: 1,
    axes: [],
    calls: [{ kind: "pallas", name: "fake", buffers, streams: [], semaphores: [], stages: [] }],
    vmem: { used: used("VMEM"), available: device.vmemBudget },
    smem: { used: used("SMEM"), available: device.smemBytes },
    traffic: {
      hbm: 0,
      hbmMinimum: 0,
      ici: 0,
      iciMinimum: 0,
      flops: 0,
      intensity: 0,
      activeExperts: 0,
    },
  };
}

export const fake: Schedule = {
  kind: "gather",
  summary: "for tests",
  axes: [
    { name: "bd", cost: 3 },
    { name: "bf", cost: 1 },
    { name: "bt", cost: 1 },
  ],
  options: ["btc", "slots"],
  deterministic: true,
  axisRule: (layer, axis) => {
    const step = layer.dtype === "bfloat16" ? 16 : 8;
    if (axis === "bt")
      return { text: `is a multiple of ${step} rows`, legal: multiples(step, 512) };
    const size = axis === "bf" ? layer.intermediate : layer.hidden;
    const text = `divides ${axis === "bf" ? "F" : "D"} and is a multiple of 128 lanes`;
    return { text, legal: tiling(size) };
  },
  layerProblems: (layer: LayerSpec) =>
    (["hidden", "intermediate"] as const)
      .filter((field) => layer[field] % 128 !== 0)
      .map((field) => ({
        field,
        message: `${field} = ${layer[field]} is not a multiple of 128 lanes`,
        nearest: [Math.ceil(layer[field] / 128) * 128],
      })),
  // Of whole lanes on each device, or all of them on each.
  sharedColumns: ({ sharedExperts }, ep) => {
    if (sharedExperts === undefined) return 0;
    const all = sharedExperts.count * sharedExperts.intermediate;
    return all % (128 * ep) === 0 ? all / ep : all;
  },
  lower,
  tileTable: () => ({ fields: [], rules: [] }),
  files: () => [],
};

export const fakes: Registries = { schedules: { gather: fake }, devices };
