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
  relays: Pick<Relays, "collective" | "parts">,
  device: DeviceFacts,
  ep: number,
  { stream, steps, stage, bytes, cycles }: Stretch,
): readonly Step[] {
  const all = stepsOf(torusOf(device, ep), ep, relays.parts);
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
  const body: readonly Step[] = [
    { do: "when", test: (here) => move(here).awaited, body: [{ do: "take", stream, tag }] },
    { do: "compute", stage, cycles: work },
    {
      do: "when",
      test: (here) => move(here).peer !== undefined,
      body: [{ do: "post", stream, bytes, to, tag }],
    },
  ];
  return [{ do: "loop", name: loop, trips: (here) => list(here).length, body }];
}

/** A stage that goes through steps of a collective; undefined: it does not. */
export function relayedStage(
  { name, relays }: Stage,
  streams: ReadonlyMap<string, Stream>,
  { device, ep }: Pick<Job, "device" | "ep">,
  cycles: Quantity,
): readonly Step[] | undefined {
  const stream = relays === undefined ? undefined : streams.get(relays.stream);
  if (relays === undefined || stream?.relays === undefined) return undefined;
  const { copies, bytes } = stream;
  return relaySteps(stream.relays, device, ep, {
    ...{ stream: stream.name, steps: relays.steps, stage: name, cycles },
    bytes: copies > 0 ? bytes / copies : 0,
  });
}
