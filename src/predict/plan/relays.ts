/** Steps of a collective for the predictor: each device goes through its own list. */

import type { Relays, Stage, StageRelays, Stream } from "../../plan/plan.ts";
import type { DeviceFacts } from "../../target/device/facts.ts";
import type { Job } from "../job.ts";
import { type DeviceSteps, stepsOf } from "../machine/relays.ts";
import { torusOf } from "../machine/torus.ts";
import { amount, type Here, type Quantity, type Step } from "../step.ts";

/** One step as both collectives have it. */
interface Move {
  readonly tag: string;
  readonly awaited: boolean;
  readonly peer?: number;
}

/** What one stage does of a collective. */
export interface Stretch extends StageRelays {
  readonly stage: string;
  /** Of one copy. */
  readonly bytes: number;
  /** Of the whole stage: they are spread evenly over its steps. */
  readonly cycles: Quantity;
  /** Copies within the device, in one run: of each step before its work, and of each that awaits. */
  readonly local?: Local;
}

/** What a stage copies within a device while it goes through steps of a collective. */
interface Local {
  /** Into the work of each step, which they overlap. */
  readonly beside: readonly Stream[];
  /** What has arrived, before it is used. */
  readonly arrived: readonly Stream[];
  /** Runs of the stage in one call: bytes are of a call. */
  readonly runs: number;
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
  const bounds = { own: [0, own], early: [own, own + early], late: [own + early], all: [0] };
  return gather.slice(...bounds[steps]).map(({ block, part, peer, awaited }) => ({
    ...{ tag: `${block}.${part}`, awaited },
    ...(peer === undefined ? {} : { peer }),
  }));
}

/**
 * Each step awaits its copy, works, and sends one on. Throws RangeError where it is simulated past a
 * device's last step.
 */
export function relaySteps(
  relays: Pick<Relays, "collective" | "parts" | "grouped">,
  device: DeviceFacts,
  ep: number,
  { stream, steps, stage, bytes, cycles, local }: Stretch,
): readonly Step[] {
  const all = stepsOf(torusOf(device, ep), ep, relays.parts, relays.grouped);
  const lists = all.map((each) => movesOf(each, relays, steps));
  const loop = `${stage} step`;
  const list = (here: Here): readonly Move[] => lists[here.device] ?? [];
  const move = (here: Here): Move => {
    const found = list(here)[here.trip(loop)];
    if (found === undefined) throw new RangeError(`no step ${here.trip(loop)} of ${stage}`);
    return found;
  };
  const work = (here: Here): number => amount(cycles, here) / Math.max(1, list(here).length);
  const to = (here: Here): number => move(here).peer ?? here.device;
  const tag = (here: Here): string => move(here).tag;
  const awaited = (here: Here): boolean => move(here).awaited;
  const share = ({ name, bytes: all, copies }: Stream, of: (here: Here) => number): Step => {
    const part = (total: number) => (here: Here) =>
      total / (local?.runs ?? 1) / Math.max(1, of(here));
    return { do: "start", stream: name, bytes: part(all), copies: part(copies), counted: true };
  };
  const adds = (here: Here): number => list(here).filter((one) => one.awaited).length;
  const { beside = [], arrived = [] } = local ?? {};
  const waitFor = ({ name }: Stream): Step => ({ do: "wait", stream: name });
  const body: readonly Step[] = [
    ...beside.map((one) => share(one, (here) => list(here).length)),
    {
      do: "when",
      test: awaited,
      body: [
        { do: "take", stream, tag },
        ...arrived.map((one) => share(one, adds)),
        ...arrived.map(waitFor),
      ],
    },
    { do: "compute", stage, cycles: work },
    ...beside.map(waitFor),
    {
      do: "when",
      test: (here) => move(here).peer !== undefined,
      body: [{ do: "post", stream, bytes, to, tag }],
    },
  ];
  return [{ do: "loop", name: loop, trips: (here) => list(here).length, body }];
}

/**
 * A stage that goes through steps of a collective; undefined: it does not.
 * @param beside a stage whose work and copies are spread over these steps too
 */
export function relayedStage(
  { name, relays, starts, trips }: Stage,
  streams: ReadonlyMap<string, Stream>,
  { device, ep }: Pick<Job, "device" | "ep">,
  cycles: Quantity,
  beside?: Pick<Stage, "starts">,
): readonly Step[] | undefined {
  const within = (names: readonly string[]): readonly Stream[] =>
    names.flatMap((one) => streams.get(one) ?? []).filter(({ remote }) => !remote);
  const stream = relays === undefined ? undefined : streams.get(relays.stream);
  if (relays === undefined || stream?.relays === undefined) return undefined;
  const { copies, bytes } = stream;
  const pieces = stream.relays.pieces ?? 1;
  const arrived = relays.steps === "all" ? within(starts) : [];
  const local = { beside: within(beside?.starts ?? []), arrived, runs: Math.max(1, trips) };
  return relaySteps(stream.relays, device, ep, {
    ...{ stream: stream.name, steps: relays.steps, stage: name, cycles },
    bytes: copies > 0 ? (bytes / copies) * pieces : 0,
    local,
  });
}
