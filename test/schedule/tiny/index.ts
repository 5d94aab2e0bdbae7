/** The least schedule there can be: all rows by every expert, between two collectives of XLA. */
import { headerContext, layerContext } from "../../../src/kernel/api/context.ts";
import { activationBlock } from "../../../src/kernel/api/layer.ts";
import { paddedBytes } from "../../../src/kernel/memory/bytes.ts";
import { usageOf } from "../../../src/kernel/memory/usage.ts";
import { divisors } from "../../../src/plan/divisors.ts";
import type { KernelPlan, PallasCall, Stage } from "../../../src/plan/plan.ts";
import { cyclesOf, stageCost } from "../../../src/predict/plan/cycles.ts";
import { kernelSteps } from "../../../src/predict/plan/kernel.ts";
import type { LowerInput, Schedule } from "../../../src/schedule/schedule.ts";

/** What it leaves to other schedules. */
const OTHERS = ["quantization", "wire", "biases", "sharedExperts", "redundantExperts"] as const;
const EMPTY = { reads: [], writes: [], waits: [], starts: [], overlaps: [], loopTrips: [] };

function callOf({ layer, ep, tiles: { bf } }: LowerInput, rows: number): PallasCall {
  const { hidden, intermediate, dtype } = layer;
  const local = layer.experts / ep;
  const trips = (local * intermediate) / bf;
  const flops = 2 * local * rows * hidden * intermediate;
  const weights = { waits: ["weights_in"], starts: ["weights_in"] };
  const buffers = [
    { name: "rows", shape: [rows, hidden], dtype },
    { name: "gate_up", shape: [2, hidden, bf], dtype },
    { name: "down", shape: [bf, hidden], dtype },
    { name: "weights", shape: [rows, 1], dtype: "float32" },
    { name: "sums", shape: [rows, hidden], dtype: "float32" },
  ] as const;
  const stage = (name: string, change: Partial<Stage>): Stage => ({
    ...{
      name,
      meaning: `${name} of all rows`,
      ...EMPTY,
      per: "weight tile",
      trips,
      flops,
      ...change,
    },
  });
  return {
    kind: "pallas",
    name: "fused_ep_moe",
    buffers: buffers.map((buffer) => {
      const bytes = 2 * paddedBytes(buffer.shape, buffer.dtype);
      return { ...buffer, space: "VMEM", slots: 2, bytes, meaning: "of Pallas' pipeline" };
    }),
    streams: [
      {
        ...{ name: "weights_in", from: "HBM", to: "VMEM", remote: false, semaphore: "Pallas' own" },
        ...{ source: "w1, w2", destination: "gate_up, down", issuedBy: "gate_up" },
        ...{ awaitedBy: "gate_up", copies: 2 * trips, meaning: "weight tiles" },
        bytes: 3 * local * hidden * intermediate * (dtype === "bfloat16" ? 2 : 4),
      },
    ],
    semaphores: [],
    stages: [
      stage("zero_sums", { per: "call", trips: 1, flops: 0 }),
      stage("gate_up", { ...weights, flops: 2 * flops }),
      stage("down", {}),
    ],
  };
}

function lower(input: LowerInput): KernelPlan {
  const { layer, ep, tiles, device, tokens } = input;
  const rows = ep * 16 * Math.ceil(tokens / ep / 16);
  const call = callOf(input, rows);
  const [sent, summed] = [2 * rows * layer.hidden, 4 * rows * layer.hidden];
  const hbm = call.streams.reduce((sum, { bytes }) => sum + bytes, 0);
  const ici = ((sent + summed) * (ep - 1)) / ep;
  const flops = call.stages.reduce((sum, each) => sum + each.flops, 0);
  const traffic = { hbm, hbmMinimum: hbm, ici, iciMinimum: ici, flops, intensity: flops / hbm };
  const gathered = {
    operation: "all_gather",
    bytes: sent,
    meaning: "rows of all devices",
  } as const;
  const scattered = { operation: "reduce_scatter", bytes: summed, meaning: "own sums" } as const;
  const routing = { operations: 8, bytes: 4 * rows * layer.experts, meaning: "scores, top-k" };
  return {
    ...{ bucket: tiles.bucket, device: device.name, tokens, passes: 1, axes: [] },
    tiles: { ...tiles, slots: 2, btc: [tiles.bt], streamed: true, own: {} },
    calls: [
      { kind: "xla", name: "routing", ...routing },
      { kind: "collective", name: "rows", ...gathered },
      call,
      { kind: "collective", name: "sums", ...scattered },
    ],
    ...usageOf(call.buffers, device),
    traffic: { ...traffic, activeExperts: layer.experts / ep },
  };
}

export const tiny = {
  kind: "tiny",
  summary: "all rows by every expert, between two collectives of XLA",
  axes: [{ name: "bf", cost: 1 }],
  options: [],
  axisRule: ({ intermediate: f, hidden }, axis) => {
    const legal = { bt: [16], bd: [hidden], bf: divisors(f).filter((tile) => tile % 128 === 0) };
    return { text: `divides F = ${f} into whole lanes`, legal: legal[axis] };
  },
  layerProblems: (layer) =>
    OTHERS.filter((field) => layer[field] !== undefined).map((field) => {
      return { field, message: `${field} is not for this schedule`, nearest: [] };
    }),
  sharedColumns: () => 0,
  lower,
  tileTable: ({ layer: { intermediate } }) => ({
    fields: [{ name: "bf", type: "int", meaning: "columns of F in one weight tile" }],
    rules: [{ name: "bf", python: `${intermediate} % self.bf == 0`, text: "a divisor of F" }],
  }),
  steps: (kernel, bundles, job) =>
    kernel.calls.flatMap((call) => {
      if (call.kind !== "pallas") return kernelSteps({ ...kernel, calls: [call] }, bundles, job);
      const [, ...inner] = call.stages;
      const trips = inner[0]?.trips ?? 1;
      const costs = inner.map((each) => cyclesOf(stageCost(bundles, each), () => 1));
      const stream = "weights_in";
      const copy = { do: "start", stream, bytes: kernel.traffic.hbm / trips } as const;
      const cycles = costs.reduce((sum, cost) => sum + cost, 0);
      const work = { do: "compute", stage: "experts", cycles } as const;
      return [{ do: "loop", name: "tile", trips, body: [copy, { do: "wait", stream }, work] }];
    }),
  files: (plan) => {
    const blocks = { activation_formula: activationBlock(plan.layer.activation) };
    const context = () => ({ ...layerContext(plan), ...headerContext(plan), blocks });
    return [{ file: "kernel.py", template: "tiny/kernel", context }];
  },
} as const satisfies Schedule;
