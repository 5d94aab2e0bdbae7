/** Steps of a Pallas call, read from its plan; what its stages cost, from its own bundles. */
import type { Stage, Stream } from "../../plan/plan.ts";
import type { Bundles } from "../../runner/types.ts";
import type { Job } from "../job.ts";
import type { Here, Quantity, Step } from "../step.ts";
import { Items } from "./items.ts";
import { type Around, firstOf, overlappedPasses, passesInTurn } from "./passes.ts";
import { beyondHalf, productsOf } from "./products.ts";
import { relayedStage } from "./relays.ts";
import type { Slice } from "./slice.ts";
import { copyOf, isIn, isOut, passShare, Slotted, waitFor } from "./slotted.ts";
import { Sources } from "./sources.ts";
import { type Read, type Reading, trips, Work } from "./work.ts";

const INNER: ReadonlySet<Stage["per"]> = new Set(["expert", "weight tile", "row tile"]);

/** Reads one Pallas call: passes, in them experts, in them blocks of rows, in them weight tiles. */
export class KernelReader {
  private readonly kernel: Read;
  private readonly job: Job;
  private readonly work: Work;
  private readonly items: Items;
  private readonly slotted: Slotted;
  private readonly sources: Sources;
  private readonly streams: ReadonlyMap<string, Stream>;
  /** Streams that are started ahead of the loop that waits for them, with its steps an expert. */
  private readonly ahead = new Map<string, number>();
  /** The same for streams whose steps are those of a pass, whatever the routing. */
  private readonly fixed = new Map<string, number>();
  /** Experts whose weights start before it is known that they have rows. */
  private readonly early: number;
  private readonly stride: number;

  constructor(kernel: Read, bundles: Bundles, job: Job, reading: Reading) {
    this.stride = reading.stride ?? 1;
    this.kernel = kernel;
    this.job = job;
    this.work = new Work(kernel, bundles, job, reading.rowBlock);
    this.slotted = new Slotted(kernel, this.work, job);
    this.early = Math.max(0, ...kernel.stages.map(({ early = 0 }) => early));
    this.items = new Items(this.work.tally, this.work.rowBlock, this.early, reading.keepsWeights);
    this.sources = new Sources(kernel, job, this.work, this.items);
    this.streams = new Map(kernel.streams.map((stream) => [stream.name, stream]));
    const firstExpert = firstOf(kernel.stages);
    const experts = Math.max(trips(kernel, "expert"), 1e-9);
    for (const [index, stage] of kernel.stages.entries()) {
      if (!INNER.has(stage.per) || stage.sources !== undefined) continue;
      const steps = index < firstExpert ? this.fixed : this.ahead;
      const times = index < firstExpert ? kernel.passes : experts;
      for (const stream of stage.waits) {
        if (this.streams.get(stream)?.slots !== undefined) continue;
        steps.set(stream, Math.max(1, Math.round(stage.trips / times)));
      }
    }
  }

  steps(): readonly Step[] {
    const stages = this.kernel.stages.filter(({ turn }) => turn === undefined);
    const turned = this.kernel.stages.filter(({ turn }) => turn !== undefined);
    const start = firstOf(stages);
    const end = Math.max(stages.findLastIndex(({ per }) => INNER.has(per)) + 1, start);
    const slotted = this.slotted.streams(stages.slice(start, end));
    const before = stages.slice(0, start).filter(({ per }) => per !== "call");
    const fixed = before.filter(({ per }) => INNER.has(per));
    const around: Around = {
      passes: this.work.tally.tiles,
      experts: this.work.local,
      before: [
        ...before.flatMap((stage) => {
          if (!INNER.has(stage.per)) return this.stage(stage);
          // The first of them stands for all: what does not depend on routing is one loop.
          return stage === fixed[0] ? [this.fixedLoop(fixed)] : [];
        }),
        ...this.sources.first(),
        ...slotted.filter(isIn).map((stream) => this.slotted.rows(stream, "first")),
      ],
      expert: this.expert(stages.slice(start, end)),
      after: stages.slice(end).flatMap((stage) => this.lastly(stage)),
    };
    return [
      ...stages.filter(({ per }) => per === "call").flatMap((stage) => this.stage(stage)),
      turned.length === 0
        ? passesInTurn(around)
        : overlappedPasses(around, {
            turned,
            stage: (stage, slice) => this.stage(stage, slice),
            straight: (stage) => this.work.straight(stage),
            streams: this.streams,
            job: this.job,
            stride: this.stride,
          }),
    ];
  }

  /** A stage after the experts: what starts weights does so for the next pass. */
  private lastly(stage: Stage): readonly Step[] {
    if (stage.early === undefined) return this.stage(stage);
    const test = (here: Here): boolean => here.trip("pass") + 1 < this.work.tally.tiles;
    return [{ do: "when", test, body: this.stage(stage) }];
  }

  /** Stages that run alike on every device: their weight tiles, and an equal share of their work. */
  private fixedLoop(stages: readonly Stage[]): Step {
    const steps = Math.max(1, ...this.fixed.values());
    const own = [...this.fixed.keys()].flatMap((name) => this.streams.get(name) ?? []);
    const routed = stages
      .flatMap(({ starts }) => starts)
      .filter((name) => this.ahead.has(name))
      .flatMap((name) => this.streams.get(name) ?? []);
    const rows = stages
      .flatMap(({ starts }) => starts.flatMap((name) => this.streams.get(name) ?? []))
      .filter(({ slots }) => slots !== undefined);
    const cycles =
      stages.reduce((sum, stage) => sum + this.work.all(stage), 0) / this.kernel.passes / steps;
    return {
      do: "loop",
      name: "shared tile",
      trips: steps,
      body: [
        ...own.map(
          (stream): Step => ({
            do: "when",
            test: (here) => here.trip("shared tile") + this.distance(stream) < steps,
            body: [this.item(stream)],
          }),
        ),
        // In the slots that they have had.
        ...routed.map(
          (stream): Step => ({
            do: "loop",
            name: `slots of ${stream.name}`,
            trips: (here) => {
              const done = here.trip("shared tile") / steps;
              return (
                this.startable(stream, here, done + 1 / steps) - this.startable(stream, here, done)
              );
            },
            body: [this.item(stream)],
          }),
        ),
        ...own.map(({ name }) => waitFor(name)),
        // An equal share of what is waited for where it starts.
        ...rows.flatMap((one) => [copyOf(one, this.kernel.passes * steps), waitFor(one.name)]),
        { do: "compute", stage: "shared experts", cycles },
      ],
    };
  }

  /** One expert with rows: its blocks of rows, and each block's weights. */
  private expert(stages: readonly Stage[]): Step {
    const rows = (here: Here): number => this.work.rowsOf(here);
    const weight = stages.findIndex(({ per }) => per === "weight tile");
    const lastWeight = stages.findLastIndex((stage) => this.inWeightLoop(stage)) + 1;
    const inner = stages.slice(Math.max(weight, 0), lastWeight);
    const ahead = ({ per, amid }: Stage): boolean => per === "expert" && !amid;
    const body =
      weight < 0
        ? this.block(stages)
        : [
            ...this.block(stages.slice(0, weight)),
            ...this.block(inner.filter(ahead)),
            this.weightLoop(inner.filter((stage) => !ahead(stage))),
            ...this.block(stages.slice(lastWeight, stages.length)),
          ];
    return {
      do: "when",
      test: (here) => rows(here) > 0 || here.trip("expert") < this.early,
      body: [
        {
          do: "loop",
          name: "block",
          trips: (here) => Math.max(1, Math.ceil(rows(here) / this.work.rowBlock)),
          body,
        },
      ],
    };
  }

  private inWeightLoop(stage: Stage): boolean {
    return stage.per === "weight tile" || (stage.rows !== undefined && this.kernel.tiles.streamed);
  }

  /** Stages of one block of rows: those for each row tile run for all of its tiles. */
  private block(stages: readonly Stage[]): readonly Step[] {
    return stages.flatMap((stage) => this.stage(stage));
  }

  /** Weight tiles of one block: each is waited for, the next one started, and multiplied. */
  private weightLoop(all: readonly Stage[]): Step {
    const stages = all.filter(({ amid }) => !amid);
    const amid = this.block(all.filter((stage) => stage.amid));
    const tiles = Math.max(1, ...this.ahead.values());
    const cycles = (here: Here): number =>
      stages.reduce((sum, stage) => sum + this.work.total(stage, here), 0) / tiles;
    const copies = [
      ...stages.flatMap(({ starts }) => starts.map((name) => this.startNext(name))),
      ...stages.flatMap(({ waits }) => waits.map(waitFor)),
    ];
    const read: Step = { do: "when", test: (here) => this.items.reads(here), body: copies };
    const at = beyondHalf(this.kernel, this.work, stages, tiles);
    const body = [read, ...productsOf(cycles, { at, body: amid })];
    return { do: "loop", name: "weight tile", trips: tiles, body };
  }

  /** One stage: what it starts, what it waits for, its work, and what it sends and writes. */
  private stage(stage: Stage, slice?: (here: Here) => Slice): readonly Step[] {
    const starts = stage.starts.flatMap((name) => this.streams.get(name) ?? []);
    if (stage.barrier) {
      return [...starts.map((one) => this.start(one, stage)), { do: "barrier", name: stage.name }];
    }
    const waits = stage.waits.flatMap((name) => this.streams.get(name) ?? []);
    const cycles = this.cyclesOf([stage]);
    const summed = this.kernel.stages.filter(({ name }) => name === stage.relays?.parts?.summed);
    const sums = this.cyclesOf(summed);
    const relays = relayedStage(stage, this.streams, this.job, cycles, sums, slice);
    const made = relays ?? this.sources.steps(stage, cycles);
    if (made !== undefined) return made;
    if ([...starts, ...waits].some(({ slots }) => slots !== undefined)) {
      return this.slotted.steps(stage, cycles);
    }
    return [
      ...starts.filter(isIn).map((stream) => this.start(stream, stage)),
      ...waits.filter(isIn).map(({ name }) => waitFor(name)),
      { do: "compute", stage: stage.name, cycles },
      ...starts.filter(({ remote }) => remote).map((stream) => this.sources.send(stream)),
      ...waits
        .filter(({ remote, awaitedBy }) => remote && awaitedBy === stage.name)
        .map((stream) => this.sources.receive(stream)),
      ...starts.filter(isOut).map((stream) => this.start(stream, stage)),
      ...waits.filter(isOut).map(({ name }): Step => ({ do: "wait", stream: name, all: true })),
    ];
  }

  /** Cycles of all runs of some stages in one block. */
  private cyclesOf(stages: readonly Stage[]): Quantity {
    const runs = stages.map((one) => this.work.runs(one));
    return (here) => runs.reduce((all, of) => of(here).reduce((sum, run) => sum + run, all), 0);
  }

  private start(stream: Stream, stage: Stage): Step {
    const fixed = this.fixed.get(stream.name);
    if (fixed !== undefined) {
      const trips = Math.min(this.distance(stream), fixed);
      return { do: "loop", name: `slots of ${stream.name}`, trips, body: [this.item(stream)] };
    }
    if (!this.ahead.has(stream.name)) return passShare(stream, stage, this.kernel);
    if (INNER.has(stage.per)) return this.startNext(stream.name);
    // Before the loop: as many as there are slots beside the one in use and those of others.
    const steps = this.ahead.get(stream.name) ?? 1;
    const early = Math.min(this.early * steps, this.distance(stream, 0));
    const trips: Quantity =
      stage.early !== undefined ? early : (here) => this.startable(stream, here, 0) - early;
    return { do: "loop", name: `slots of ${stream.name}`, trips, body: [this.item(stream)] };
  }

  /**
   * Steps of a stream that are on their way beside the one in use: as many tiles as there are other
   * slots. `done`: what part of the shared experts' tiles has left those that both have in turn.
   */
  private distance(stream: Stream, done = 1): number {
    const steps = this.ahead.get(stream.name) ?? this.fixed.get(stream.name) ?? 1;
    const others = this.kernel.stages.some(
      ({ waits, starts }) =>
        waits.includes(`shared_${stream.name}`) && starts.includes(stream.name),
    );
    const before = others ? (this.streams.get(`shared_${stream.name}`)?.tiles ?? 0) : 0;
    const slots = this.kernel.tiles.slots - 1 - Math.ceil(before * (1 - done) - 1e-9);
    return Math.max(0, Math.round((slots * steps) / (stream.tiles ?? steps)));
  }

  /** Steps of a pass that have a slot before the loop over experts. */
  private startable(stream: Stream, here: Here, done: number): number {
    const steps = this.ahead.get(stream.name) ?? 1;
    const all = this.items.total(here.trip("pass"), here.device) * steps;
    return Math.min(this.distance(stream, done), all);
  }

  /** The copy that takes the slot that is free now, if there is one to come. */
  private startNext(name: string): Step {
    const stream = this.streams.get(name);
    const steps = this.ahead.get(name) ?? 1;
    return {
      do: "when",
      test: (here) => {
        const block = this.items.index(here);
        const step = steps === 1 ? 0 : here.trip("weight tile");
        const next = block * steps + step + (stream === undefined ? 0 : this.distance(stream));
        return next < this.items.total(here.trip("pass"), here.device) * steps;
      },
      body: stream === undefined ? [] : [this.item(stream)],
    };
  }

  /** One step of a stream that is started ahead. */
  private item(stream: Stream): Step {
    const awaiting = this.kernel.stages.find(({ name }) => name === stream.awaitedBy);
    return copyOf(stream, Math.max(awaiting?.trips ?? 1, 1e-9));
  }
}
