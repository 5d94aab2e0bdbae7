/**
 * Rows of other devices that are awaited with the first block that has some of them, and sums that go back when all of
 * a device's rows are through: what goes between each two devices is one copy.
 */
import type { Stage, StageSources, Stream } from "../../plan/plan.ts";
import type { Job } from "../job.ts";
import type { Tally } from "../routing/sample.ts";
import { amount, type Here, type Quantity, type Step } from "../step.ts";
import type { Items } from "./items.ts";
import { sendAll } from "./sends.ts";
import { copyOf, isIn, isOut, waitFor } from "./slotted.ts";
import type { Read, Work } from "./work.ts";

/** Of the other devices in their order, those from one up to another, which is not among them. */
interface Span {
  readonly first: number;
  readonly end: number;
}

/** Where a stage stands: before the first block, within one, or after the last. */
type Place = "first" | "block" | "last";

/** Of each block of a pass: other devices that it or one before has rows of, and those that are through before it. */
interface Known {
  readonly needs: readonly number[];
  readonly through: readonly number[];
}

/** Who sends rows here first, second and so on is as many devices before this one. */
export class Sources {
  private readonly kernel: Pick<Read, "streams" | "stages" | "passes">;
  private readonly job: Pick<Job, "device" | "ep">;
  private readonly tally: Tally;
  private readonly rowBlock: number;
  private readonly items: Items;
  private readonly known = new Map<string, Known>();

  constructor(
    kernel: Pick<Read, "streams" | "stages" | "passes">,
    job: Pick<Job, "device" | "ep">,
    { tally, rowBlock }: Pick<Work, "tally" | "rowBlock">,
    items: Items,
  ) {
    this.kernel = kernel;
    this.job = job;
    this.tally = tally;
    this.rowBlock = rowBlock;
    this.items = items;
  }

  /** Steps of a stage that awaits or returns so; undefined: it does not. */
  steps(stage: Stage, cycles: Quantity, first = false): readonly Step[] | undefined {
    const { sources, name, starts, waits, per } = stage;
    const place = first ? "first" : per === "pass" ? "last" : "block";
    if (sources === undefined) return undefined;
    const span = (here: Here): Span => this.span(sources, here, place);
    const count = (here: Here): number => span(here).end - span(here).first;
    const work = (here: Here): number => amount(cycles, here) * count(here);
    const streams = this.streams([...new Set([...starts, ...waits])]);
    const each = (of: (peer: (here: Here) => number) => readonly Step[]): Step => {
      const loop = `device of ${name}`;
      const peer = (here: Here): number =>
        this.before(here, span(here).first + here.trip(loop) + 1);
      return { do: "loop", name: loop, trips: count, body: of(peer) };
    };
    const remote = streams.filter((stream) => stream.remote);
    const compute: Step = { do: "compute", stage: name, cycles: work };
    if (sources === "awaited") {
      return [each((peer) => remote.map((stream) => take(stream, peer))), compute];
    }
    const local = (test: (stream: Stream) => boolean): readonly Step[] =>
      streams.filter(test).flatMap((stream) => [copyOf(stream, this.pairs), waitFor(stream.name)]);
    return [
      each(() => local(isIn)),
      compute,
      each((peer) => [...local(isOut), ...remote.map((stream) => this.post(stream, peer))]),
    ];
  }

  /** Before the first block: what is awaited for it. */
  first(): readonly Step[] {
    return this.kernel.stages.flatMap((stage) =>
      stage.sources === "awaited" ? (this.steps(stage, 0, true) ?? []) : [],
    );
  }

  /** Whether a stream goes between two devices at a time. */
  private has({ name }: Stream): boolean {
    return this.kernel.stages.some(
      ({ sources, starts, waits }) => sources !== undefined && [...starts, ...waits].includes(name),
    );
  }

  /** To all others: one after the other, or all at once. */
  send(stream: Stream): Step {
    if (!this.has(stream)) return sendAll(stream, this.job, this.kernel.passes);
    const loop = `device of ${stream.name}`;
    const { ep } = this.tally;
    const peer = (here: Here): number => (here.device + here.trip(loop) + 1) % ep;
    return { do: "loop", name: loop, trips: ep - 1, body: [this.post(stream, peer)] };
  }

  /** From all others. */
  receive(stream: Stream): Step {
    if (!this.has(stream)) return { do: "receive", stream: stream.name };
    const loop = `device of ${stream.name}`;
    const peer = (here: Here): number => this.before(here, here.trip(loop) + 1);
    return { do: "loop", name: loop, trips: this.tally.ep - 1, body: [take(stream, peer)] };
  }

  private streams(names: readonly string[]): readonly Stream[] {
    return this.kernel.streams.filter(({ name }) => names.includes(name));
  }

  /** Pairs of this device and another in a call. */
  private get pairs(): number {
    return Math.max(1, (this.tally.ep - 1) * this.kernel.passes);
  }

  private before({ device }: Here, distance: number): number {
    const { ep } = this.tally;
    return (device + ep - distance) % ep;
  }

  private post({ name, bytes, copies }: Stream, to: (here: Here) => number): Step {
    const each = { bytes: bytes / this.pairs, copies: copies / this.pairs };
    return { do: "post", stream: name, ...each, to, tag: (here) => `${here.device}` };
  }

  private span(way: StageSources, here: Here, place: Place): Span {
    const { needs, through } = this.of(here.trip("pass"), here.device);
    const others = this.tally.ep - 1;
    if (way === "awaited") {
      const next = place === "first" ? 0 : this.items.index(here) + 1;
      // With the last block what nobody here has rows of.
      const end = next >= needs.length ? others : (needs[next] ?? others);
      return { first: next === 0 ? 0 : (needs[next - 1] ?? 0), end };
    }
    const item = place === "block" ? this.items.index(here) : needs.length;
    const end = place === "block" ? (through[item] ?? 0) : others;
    return { first: through[item - 1] ?? 0, end };
  }

  private of(pass: number, device: number): Known {
    const key = `${pass} ${device}`;
    const found = this.known.get(key) ?? this.made(pass, device);
    this.known.set(key, found);
    return found;
  }

  private made(pass: number, device: number): Known {
    const { ep, localExperts } = this.tally;
    const needs: number[] = [];
    const through: number[] = [];
    const last = this.tally.active(pass, device).at(-1);
    for (let local = 0; local < localExperts; local++) {
      const expert = device * localExperts + local;
      const counts = Array.from({ length: ep }, (_, distance) =>
        this.tally.from(pass, (device + ep - distance) % ep, expert),
      );
      for (let block = 0; block < this.items.blocks(pass, device, local); block++) {
        const first = block * this.rowBlock;
        let before = 0;
        let need = needs.at(-1) ?? 0;
        let done = 0;
        for (const [distance, count] of counts.entries()) {
          if (count > 0 && before < first + this.rowBlock) need = Math.max(need, distance);
          before += count;
          if (before <= first) done = distance;
        }
        needs.push(need);
        through.push(expert === last && block > 0 ? done : 0);
      }
    }
    return { needs, through };
  }
}

function take({ name }: Stream, from: (here: Here) => number): Step {
  return { do: "take", stream: name, tag: (here) => `${from(here)}` };
}
