/** Pieces of XLA programs around kernels: operations, collectives, grouped matmuls. */
import { multiplyCycles } from "../cost/multiply.ts";
import { type Job, localExperts, ROW_TYPE_BYTES, weightBytes } from "../job.ts";
import { topologyOf } from "../machine/topology.ts";
import type { Tally } from "../routing/sample.ts";
import type { Here, Step } from "../step.ts";

/** Operations of an XLA program that move `bytes` through HBM together. */
export function operations(job: Job, stage: string, count: number, bytes = 0): Step {
  const { device } = job;
  const rate = device.hbmBandwidth * device.timing.hbmEfficiency.value;
  return {
    do: "spend",
    stage,
    seconds: count * device.timing.operation.value + bytes / rate,
  };
}

/** XLA's gather of single rows: `bytes` are read and written again. */
export function gatherRows(job: Job, stage: string, bytes: number): Step {
  const { device } = job;
  const rate = device.hbmBandwidth * device.timing.gatherEfficiency.value;
  return {
    do: "spend",
    stage,
    seconds: device.timing.operation.value + (2 * bytes) / rate,
  };
}

/** Elementwise operations of XLA: bound by HBM or by the vector unit. */
export function elementwise(
  job: Job,
  stage: string,
  work: { readonly operations: number; readonly bytes: number; readonly cycles: number },
): Step {
  const { device } = job;
  const rate = device.hbmBandwidth * device.timing.hbmEfficiency.value;
  return {
    do: "spend",
    stage,
    seconds:
      work.operations * device.timing.operation.value +
      Math.max(work.bytes / rate, work.cycles / device.clock),
  };
}

/**
 * Scores, top-k, histogram and order of the routed entries of `tokens` tokens, on the vector unit:
 * about 3 cycles an entry beyond the operations themselves (XLA's estimated_cycles at 64 and 2,048
 * tokens, E 128, top-8).
 */
export function routing(job: Job, tokens: number, count: number): readonly Step[] {
  return [
    operations(job, "routing", count),
    { do: "compute", stage: "routing", cycles: 3 * tokens * job.layer.topK },
  ];
}

/**
 * A collective after which each device has `bytes` that were spread over all (all-gather) or the
 * share of a sum of so many (reduce-scatter): what a chip's links must carry.
 */
export function collective(job: Job, stage: string, bytes: number): readonly Step[] {
  if (job.ep === 1) return [];
  const { timing } = job.device;
  const { chips, linksOfChip } = topologyOf(job.device, job.ep);
  const links = Math.max(1, linksOfChip) * timing.ici.linkBandwidth.value;
  const inside = timing.ici.chipBandwidth.value;
  const seconds =
    chips > 1 ? (bytes * (chips - 1)) / chips / links : (bytes * (job.ep - 1)) / job.ep / inside;
  return [
    { do: "barrier", name: stage },
    { do: "spend", stage, seconds: timing.collective.value + seconds },
  ];
}

/** An all-reduce of `bytes`: a reduce-scatter and an all-gather. */
export function allReduce(job: Job, stage: string, bytes: number): readonly Step[] {
  return [
    ...collective(job, `${stage} (reduce-scatter)`, bytes),
    ...collective(job, `${stage} (all-gather)`, bytes),
  ];
}

export interface Grouped {
  readonly name: string;
  readonly tally: Tally;
  readonly contracted: number;
  readonly columns: number;
  /** Products of the same rows with different weights in one kernel. */
  readonly products: number;
  /** Most rows of a body; rows of an expert are padded to a body of `least` or more. */
  readonly most: number;
  readonly least: number;
  /** Cycles beside the multiply, a row of the body. */
  readonly rowCycles?: number;
  readonly stage?: string;
  /** Steps after each local expert, with rows or without. */
  readonly after?: readonly Step[];
}

/** Rows that bodies multiply for so many rows: whole tiles, the last in the smallest body that holds it. */
function padded(rows: number, { most, least }: Grouped): readonly number[] {
  const tiles: number[] = [];
  for (let rest = rows; rest > 0; rest -= most) {
    tiles.push(Math.min(most, Math.ceil(rest / least) * least));
  }
  return tiles;
}

/** Active experts one after the other, weights of the next on their way: read once a row tile. */
export function grouped(job: Job, work: Grouped): readonly Step[] {
  const { tally } = work;
  const experts = localExperts(job);
  const expert = (here: Here): number => here.device * experts + here.trip(work.name);
  const rows = (here: Here): number => tally.of(0, expert(here));
  const weights = work.products * work.contracted * work.columns * weightBytes(job);
  const start: Step = {
    do: "start",
    stream: `${work.name} weights`,
    bytes: weights,
    copies: work.products,
  };
  const cycles = (here: Here): number =>
    padded(rows(here), work).reduce(
      (sum, body) =>
        sum +
        body * (work.rowCycles ?? 0) +
        work.products *
          multiplyCycles(job.device, {
            form: "plain",
            part: "down",
            rows: body,
            contracted: work.contracted,
            columns: work.columns,
            weights: job.layer.weights,
          }),
      0,
    );
  const moved = (here: Here): number =>
    rows(here) * (work.contracted + work.columns) * ROW_TYPE_BYTES;
  return [
    {
      do: "when",
      test: (here) => tally.active(0, here.device).length > 0,
      body: [start],
    },
    {
      do: "loop",
      name: work.name,
      trips: experts,
      body: [
        {
          do: "when",
          test: (here) => rows(here) > 0,
          body: [
            {
              do: "when",
              test: (here) => tally.active(0, here.device).at(-1) !== expert(here),
              body: [start],
            },
            { do: "start", stream: `${work.name} rows`, bytes: moved },
            { do: "wait", stream: `${work.name} weights` },
            { do: "compute", stage: work.stage ?? work.name, cycles },
            { do: "wait", stream: `${work.name} rows` },
          ],
        },
        ...(work.after ?? []),
      ],
    },
  ];
}
