/** Steps of a collective for the predictor: each device goes through its own list. */

import type { PartCopies } from "../../plan/part-copies.ts";
import type { Relays, Stage, StageRelays, Stream } from "../../plan/plan.ts";
import type { DeviceFacts } from "../../target/device/facts.ts";
import type { Job } from "../job.ts";
import { type DeviceSteps, partSteps, stepsOf } from "../machine/relays.ts";
import { torusOf } from "../machine/torus.ts";
import { amount, type Here, type Quantity, type Step } from "../step.ts";
import { partsThroughVmem } from "./parts.ts";
import type { Slice } from "./slice.ts";

/** One step as both collectives have it. */
interface Move {
  readonly tag: string;
  readonly awaited: boolean;
  readonly peer?: number;
}

/** What one stage does of a collective. */
export interface Stretch extends Pick<StageRelays, "stream" | "steps"> {
  readonly stage: string;
  /** Of one copy. */
  readonly bytes: number;
  /** Of the whole stage: they are spread evenly over its steps. */
  readonly cycles: Quantity;
  /** Which of its steps a device does now. Absent: all. */
  readonly slice?: (here: Here) => Slice;
}

function movesOf(
  { gather, own, early, reduce }: DeviceSteps,
  { collective }: Pick<Relays, "collective">,
  steps: Stretch["steps"],
): readonly Move[] {
  if (collective === "reduce_scatter") {
    // A slot of the receiver is as good as a name: each is filled once.
    return reduce.map(({ peer, slot }) => {
      const awaited = peer === undefined;
      return { tag: `${slot}`, awaited, ...(awaited ? {} : { peer }) };
    });
  }
  const bounds = {
    own: [0, own],
    early: [own, own + early],
    late: [own + early],
    others: [own],
    all: [0],
  };
  return gather.slice(...bounds[steps]).map(({ block, part, peer, awaited }) => ({
    ...{ tag: `${block}.${part}`, awaited },
    ...(peer === undefined ? {} : { peer }),
  }));
}

/** Steps of a stage on one device, and those that come first where they are done in two halves. */
export interface Halves {
  readonly first: number;
  readonly all: number;
}

/** The steps of each device. */
function listsOf(
  relays: Pick<Relays, "collective" | "parts">,
  device: DeviceFacts,
  ep: number,
  steps: Stretch["steps"],
): readonly (readonly Move[])[] {
  const all = stepsOf(torusOf(device, ep), ep, relays.parts);
  return all.map((each) => movesOf(each, relays, steps));
}

/** The same where a step is a part that is complete. */
function partsOf({ parts }: Pick<Relays, "parts">, device: DeviceFacts, ep: number) {
  return stepsOf(torusOf(device, ep), ep, parts, true).map(partSteps);
}

/**
 * Each step awaits its copy, works, and sends one on. Throws RangeError where it is simulated past a
 * device's last step.
 */
export function relaySteps(
  relays: Pick<Relays, "collective" | "parts">,
  device: DeviceFacts,
  ep: number,
  { stream, steps, stage, bytes, cycles, slice }: Stretch,
): readonly Step[] {
  const lists = listsOf(relays, device, ep, steps);
  const loop = `${stage} step`;
  const list = (here: Here): readonly Move[] => lists[here.device] ?? [];
  const sliced = (here: Here): Slice => slice?.(here) ?? { first: 0, last: list(here).length };
  const move = (here: Here): Move => {
    const at = sliced(here).first + here.trip(loop);
    const found = list(here)[at];
    if (found === undefined) throw new RangeError(`no step ${at} of ${stage}`);
    return found;
  };
  const work = (here: Here): number => amount(cycles, here) / Math.max(1, list(here).length);
  const to = (here: Here): number => move(here).peer ?? here.device;
  const tag = (here: Here): string => move(here).tag;
  const body: readonly Step[] = [
    { do: "when", test: (here) => move(here).awaited, body: [{ do: "take", stream, tag }] },
    { do: "compute", stage, cycles: work },
    {
      do: "when",
      test: (here) => move(here).peer !== undefined,
      body: [{ do: "post", stream, bytes, to, tag }],
    },
  ];
  const trips = (here: Here): number => sliced(here).last - sliced(here).first;
  return [{ do: "loop", name: loop, trips, body }];
}

/** The stage's steps of a collective on each device; none: it has none. */
export function relayHalves(
  { relays }: Stage,
  streams: ReadonlyMap<string, Stream>,
  { device, ep }: Pick<Job, "device" | "ep">,
): readonly Halves[] {
  const stream = relays === undefined ? undefined : streams.get(relays.stream);
  if (relays === undefined || stream?.relays === undefined) return [];
  const { collective, parts } = stream.relays;
  if (relays.parts !== undefined) {
    const lists = partsOf(stream.relays, device, ep);
    return lists.map((each) => ({ first: each.nearest, all: each.parts.length }));
  }
  return stepsOf(torusOf(device, ep), ep, parts).map((each) => ({
    first: collective === "all_gather" ? each.early : each.nearest,
    all: movesOf(each, stream.relays ?? { collective }, relays.steps).length,
  }));
}

/** Bytes of a copy of a chunk in each of the streams. */
function chunkBytes(
  { sums, sumsCopies = 1, arrived, packed, kept }: PartCopies,
  streams: ReadonlyMap<string, Stream>,
): ReadonlyMap<string, number> {
  return new Map(
    [sums, arrived, packed, kept].map((name) => {
      const { bytes = 0, copies = 0 } = streams.get(name) ?? {};
      const each = name === sums ? sumsCopies : 1;
      return [name, copies > 0 ? (each * bytes) / copies : 0];
    }),
  );
}

/** A stage that goes through steps of a collective, or some of them; undefined: it does not. */
export function relayedStage(
  stage: Stage,
  streams: ReadonlyMap<string, Stream>,
  { device, ep }: Pick<Job, "device" | "ep">,
  cycles: Quantity,
  sumCycles: Quantity,
  slice?: Stretch["slice"],
): readonly Step[] | undefined {
  const { name, relays } = stage;
  const stream = relays === undefined ? undefined : streams.get(relays.stream);
  if (relays === undefined || stream?.relays === undefined) return undefined;
  const { copies, bytes } = stream;
  const each = copies > 0 ? bytes / copies : 0;
  if (relays.parts !== undefined) {
    return partsThroughVmem(
      { ...relays.parts, stream: stream.name, stage: name, bytes: each, cycles, sumCycles },
      partsOf(stream.relays, device, ep).map(({ parts }) => parts),
      chunkBytes(relays.parts, streams),
      slice,
    );
  }
  return relaySteps(stream.relays, device, ep, {
    ...{ stream: stream.name, steps: relays.steps, stage: name, cycles },
    ...(slice === undefined ? {} : { slice }),
    bytes: each,
  });
}
