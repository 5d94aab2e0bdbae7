/**
 * One call of one device on a time axis: stages one after the other as long as the compiler's
 * cycles, copies as long as their bytes take at peak rate, waits where a stage needs a copy that is
 * still on its way. Uniform routing, all devices alike.
 */
import { allOf } from "../plan/call.ts";
import type { KernelPlan, Stage, Stream } from "../plan/plan.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import type { KernelProfile } from "./profile.ts";

export type Lane = "stages" | "waits" | "HBM" | "ICI" | "on chip";

export interface Span {
  readonly lane: Lane;
  readonly name: string;
  /** Seconds. */
  readonly start: number;
  readonly duration: number;
  readonly detail: Readonly<Record<string, number | string>>;
}

/** Copies that stay in one core's own memories; no figure is published, they take no time here. */
const ON_CHIP = Number.POSITIVE_INFINITY;

function laneOf({ from, to, remote }: Stream): Lane {
  if (remote) return "ICI";
  return from === "HBM" || to === "HBM" ? "HBM" : "on chip";
}

class Clock {
  now = 0;
  readonly spans: Span[] = [];
  /** When a lane is free again, and when the copies of a stream that are under way arrive. */
  readonly #free = new Map<Lane, number>();
  readonly #arrivals = new Map<string, number[]>();
  readonly #rates: Readonly<Record<string, number>>;

  constructor(device: DeviceFacts) {
    this.#rates = { HBM: device.hbmBandwidth, ICI: device.iciLinkBandwidth * device.iciLinks };
  }

  /** Copies share a lane one after the other. */
  issue(stream: Stream, bytes: number): void {
    if (bytes <= 0) return;
    const lane = laneOf(stream);
    const start = Math.max(this.now, this.#free.get(lane) ?? 0);
    const duration = bytes / (this.#rates[lane] ?? ON_CHIP);
    this.#free.set(lane, start + duration);
    const arrivals = this.#arrivals.get(stream.name) ?? [];
    this.#arrivals.set(stream.name, [...arrivals, start + duration]);
    if (duration > 0) {
      const detail = { bytes, issuedBy: stream.issuedBy, awaitedBy: stream.awaitedBy };
      this.spans.push({ lane, name: stream.name, start, duration, detail });
    }
  }

  await(streams: readonly string[]): void {
    for (const name of streams) {
      const [arrival, ...rest] = this.#arrivals.get(name) ?? [];
      if (arrival === undefined) continue;
      this.#arrivals.set(name, rest);
      if (arrival <= this.now) continue;
      const span = { start: this.now, duration: arrival - this.now };
      this.spans.push({ lane: "waits", name, ...span, detail: {} });
      this.now = arrival;
    }
  }

  run(name: string, duration: number, detail: Span["detail"]): void {
    if (duration <= 0) return;
    this.spans.push({ lane: "stages", name, start: this.now, duration, detail });
    this.now += duration;
  }
}

const isOnce = ({ per }: Stage): boolean => per === "call" || per === "pass";

/** Spans in the order in which they end up on their lanes; passes are shown as one. */
export function timelineOf(
  kernel: KernelPlan,
  profile: KernelProfile,
  device: DeviceFacts,
): readonly Span[] {
  const clock = new Clock(device);
  const { stages, streams: copies } = allOf(kernel);
  const cycles = new Map(profile.stages.map((stage) => [stage.stage, stage]));
  const streams = new Map(copies.map((stream) => [stream.name, stream]));
  const first = stages.findIndex((stage) => !isOnce(stage));
  const last = stages.findLastIndex((stage) => !isOnce(stage));
  const loop = stages.slice(first, last + 1).filter((stage) => !isOnce(stage));
  const trips = Math.max(1, Math.round(stages[first]?.trips ?? 1));
  const inLoop = new Set(loop.flatMap(({ waits }) => waits));
  /** A weight stream is cut into one copy a trip, that many trips ahead as there are slots. */
  const ahead = kernel.tiles.slots - 1;
  let issued = 0;
  const issueWeights = (upTo: number): void => {
    for (; issued < Math.min(upTo, trips); issued++) {
      for (const name of inLoop) {
        const stream = streams.get(name);
        if (stream !== undefined) clock.issue(stream, stream.bytes / trips);
      }
    }
  };
  const step = (stage: Stage, times: number, trip?: number): void => {
    const measured = cycles.get(stage.name);
    clock.await(stage.waits.filter((name) => !stage.starts.includes(name)));
    for (const name of stage.starts) {
      const stream = streams.get(name);
      if (stream === undefined) continue;
      if (inLoop.has(name)) issueWeights(trip === undefined ? ahead : trip + 1 + ahead);
      else clock.issue(stream, stream.bytes);
    }
    clock.await(stage.waits.filter((name) => stage.starts.includes(name) && inLoop.has(name)));
    const slot = measured?.bound?.slot;
    const detail = { cycles: (measured?.cycles ?? 0) / times, ...(slot ? { bound: slot } : {}) };
    clock.run(stage.name, (measured?.cycles ?? 0) / times / device.clock, detail);
    clock.await(stage.waits.filter((name) => stage.starts.includes(name) && !inLoop.has(name)));
  };
  stages.slice(0, Math.max(0, first)).forEach((stage) => {
    step(stage, 1);
  });
  for (let trip = 0; trip < trips; trip++) {
    for (const stage of loop) step(stage, trips, trip);
  }
  for (const stage of stages.slice(last + 1)) step(stage, 1);
  return clock.spans;
}
