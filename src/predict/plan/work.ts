/** What the stages of a kernel take on a device: rows at hand, cycles of each run. */
import type { KernelPlan, PallasCall, Stage } from "../../plan/plan.ts";
import type { StageLoop } from "../../plan/stage-loop.ts";
import type { Bundles } from "../../runner/types.ts";
import { onceFor } from "../../spec/once.ts";
import { type Job, localExperts, tokenShare } from "../job.ts";
import { Tally } from "../routing/sample.ts";
import type { Here } from "../step.ts";
import { type Counts, cyclesOf, type StageCost, stageCost } from "./cycles.ts";

/** What is read of a kernel: one Pallas call, with the tiles and passes of all of it. */
export type Read = PallasCall & Pick<KernelPlan, "tiles" | "passes">;

/** What of a kernel's steps its plan does not say. */
export interface Reading {
  /** Rows of an expert that go through it at a time; absent: all of them. */
  readonly rowBlock?: number;
  /** Weights stay for all blocks of an expert that follow each other. Absent: for one. */
  readonly keepsWeights?: boolean;
  /** Phases from one pass to the next, where passes may overlap. Absent: one. */
  readonly stride?: number;
}

/** A block that holds all rows of an expert. */
const WHOLE = Number.MAX_SAFE_INTEGER;

/** One kernel under one routing: cycles of its stages, from the compiler's bundles. */
export class Work {
  readonly tally: Tally;
  readonly local: number;
  /** Rows of an expert for which its weights are read once. */
  readonly rowBlock: number;
  private readonly kernel: Read;
  private readonly bundles: Bundles;
  private readonly job: Job;
  private readonly ep: number;
  private readonly passTokens: number;
  /** Runs in a pass of a stage that goes over a list's tokens. */
  private readonly lists: number;
  /** Stages of the loop over experts: they begin with the first that runs for each. */
  private readonly routed: readonly Stage[];

  // A simulation asks for each of them at every step.
  private readonly costs = onceFor<Stage, StageCost>();
  private readonly ofRuns = onceFor<Stage, (here: Here) => readonly number[]>();
  private readonly times = onceFor<Stage, number>();

  /** @param rowBlock rows of an expert for which its weights are read once; absent: all of them */
  constructor(kernel: Read, bundles: Bundles, job: Job, rowBlock = WHOLE) {
    this.kernel = kernel;
    const first = kernel.stages.findIndex(({ per }) => per === "expert");
    this.routed = first < 0 ? [] : kernel.stages.slice(first);
    this.bundles = bundles;
    this.job = job;
    this.ep = job.ep;
    this.local = localExperts(job);
    this.passTokens = Math.ceil(tokenShare(job) / kernel.passes);
    this.lists = Math.max(1, ...kernel.stages.map((stage) => this.listsOf(stage)));
    this.tally = new Tally(job.routing, job.ep, this.passTokens);
    this.rowBlock = rowBlock;
  }

  /** Cycles of all runs of a stage within one block. */
  total(stage: Stage, here: Here): number {
    if (stage.per !== "row tile") {
      const experts = Math.max(trips(this.kernel, "expert"), 1e-9);
      return cyclesOf(this.cost(stage), this.counts(here)) * (stage.trips / experts);
    }
    const once = this.runs(stage)(here).reduce((sum, run) => sum + run, 0);
    return once * this.multiplicity(stage);
  }

  private cost(stage: Stage): StageCost {
    return this.costs(stage, "", () => stageCost(this.bundles, stage));
  }

  /** Runs of a stage for each row tile: one for each of its weight tiles. */
  private multiplicity(stage: Stage): number {
    return this.times(stage, "", () => this.runsOfRowTile(stage));
  }

  private runsOfRowTile(stage: Stage): number {
    const alike = this.alike(stage).map(({ trips: all }) => all);
    const plain = this.routed.filter(
      (each) => each.per === "row tile" && each.rows === undefined && each.trips > 0,
    );
    const rowTiles = Math.min(...plain.map(({ trips: all }) => all));
    return Number.isFinite(rowTiles) ? Math.max(1, Math.max(...alike) / rowTiles) : 1;
  }

  /** Bodies that do the same for other row counts. */
  private alike(stage: Stage): readonly Stage[] {
    return this.routed.filter(
      ({ rows, reads }) => rows !== undefined && String(reads) === String(stage.reads),
    );
  }

  /** Cycles of a stage outside its loops: what each part costs where it is done in parts. */
  straight(stage: Stage): number {
    return this.cost(stage).straight;
  }

  /** Cycles of all runs in one call of a stage that no routing changes: the plan has its trips. */
  all(stage: Stage): number {
    const { straight, loops } = this.cost(stage);
    return loops.reduce(
      (sum, { body, trips: planned = stage.trips }) => sum + body * planned,
      straight * stage.trips,
    );
  }

  /** Cycles of each run of a stage in one block: one, or one a row tile that it is made for. */
  runs(stage: Stage): (here: Here) => readonly number[] {
    return this.ofRuns(stage, "", () => this.runsOf(stage));
  }

  private runsOf(stage: Stage): (here: Here) => readonly number[] {
    const cost = this.cost(stage);
    const times = this.listsOf(stage);
    if (stage.per !== "row tile") {
      const { each } = stage;
      if (each === undefined) return (here) => [times * cyclesOf(cost, this.counts(here))];
      return (here) => {
        const rows = this.blockRows(here);
        return [Math.ceil(rows / each) * cyclesOf(cost, this.counts(here, Math.min(rows, each)))];
      };
    }
    const occupied = this.occupied(stage);
    const { bt, btc } = this.kernel.tiles;
    return (here) => {
      const found: number[] = [];
      for (let rest = this.blockRows(here); rest > 0; rest -= bt) {
        const rows = Math.min(rest, bt);
        const body = btc.find((count) => rows <= count) ?? bt;
        if (stage.rows !== undefined && stage.rows !== body) continue;
        // Bundles of a wide body can be fewer than the matrix units take.
        found.push(Math.max(cyclesOf(cost, this.counts(here, rows)), body * occupied));
      }
      return found;
    };
  }

  /** Lists of a pass, of a stage that runs for each of them; else 1. */
  private listsOf({ loops = [], trips: all }: Stage): number {
    const listed = loops.some(({ over }) => over === "listed tokens");
    return listed ? Math.max(1, Math.round(all / this.kernel.passes)) : 1;
  }

  /** Cycles that the matrix units take for one row in one run of a stage, by the plan's FLOPs of its like. */
  private occupied(stage: Stage): number {
    if (stage.rows === undefined) return 0;
    const flops = Math.max(...this.alike(stage).map((each) => each.flops));
    const { layer, tokens, device } = this.job;
    const rows = (tokens * layer.topK) / this.ep;
    // One run multiplies one weight tile.
    const tiles = this.multiplicity(stage);
    return ((flops / rows / tiles) * device.clock) / (device.bf16Flops * this.peak());
  }

  /** Rate of the matrix units over that of bfloat16: of the type that the first product's operand has. */
  private peak(): number {
    const { float8, int8 } = this.job.device.timing.peak;
    const operand = this.routed.find(({ rows }) => rows !== undefined)?.reads[0];
    const type = this.kernel.buffers.find(({ name }) => name === operand)?.dtype;
    if (type === "int8") return int8;
    return type === "float8_e4m3fn" ? float8 : 1;
  }

  rowsOf(here: Here): number {
    return this.tally.of(here.trip("pass"), here.device * this.local + here.trip("expert"));
  }

  /**
   * Rows of the next block: of this expert where it has more than this one, else of the first local
   * expert after it, or of all, that has any; 0: none has.
   */
  rowsAfter(here: Here, all: boolean): number {
    const rest = all ? 0 : this.rowsOf(here) - (here.trip("block") + 1) * this.rowBlock;
    if (rest > 0) return Math.min(rest, this.rowBlock);
    for (let local = all ? 0 : here.trip("expert") + 1; local < this.local; local++) {
      const rows = this.tally.of(here.trip("pass"), here.device * this.local + local);
      if (rows > 0) return Math.min(rows, this.rowBlock);
    }
    return 0;
  }

  /** Parts of so many rows that the experts of a device have in a pass, one begun for each. */
  private parts(here: Here, most: number): number {
    let parts = 0;
    for (let local = 0; local < this.local; local++) {
      const rows = this.tally.of(here.trip("pass"), here.device * this.local + local);
      parts += Math.ceil(rows / most);
    }
    return parts;
  }

  /** Rows of the block at hand. */
  blockRows(here: Here): number {
    const rows = this.rowsOf(here);
    return Math.min(this.rowBlock, rows - here.trip("block") * this.rowBlock);
  }

  private counts(here: Here, rows?: number): Counts {
    return (over: StageLoop["over"], each: number): number => {
      const trip = (count: number): number => Math.ceil(count / each);
      switch (over) {
        case "own tokens":
        case "real tokens":
          return trip(this.passTokens);
        case "listed tokens":
          return trip(Math.ceil(this.passTokens / this.lists));
        case "all tokens":
          return trip(this.passTokens * this.ep);
        case "peer tokens":
          return trip(this.passTokens) * (this.ep - 1);
        case "devices":
          return trip(this.ep);
        case "peers":
          return trip(this.ep - 1);
        case "local experts":
          return trip(this.local);
        case "row blocks":
          return trip(this.parts(here, this.rowBlock));
        case "row tiles":
          return trip(this.parts(here, this.kernel.tiles.bt));
        case "columns":
        case "copies":
          // The stage itself runs for each.
          return 1;
        case "rows":
          return trip(rows ?? this.blockRows(here));
        case "rows of each device": {
          const expert = here.device * this.local + here.trip("expert");
          let trips = 0;
          for (let source = 0; source < this.ep; source++) {
            trips += trip(this.tally.from(here.trip("pass"), source, expert));
          }
          return trips;
        }
      }
    };
  }
}

/** Trips of the loop over active experts, in the plan's own account. */
export function trips(kernel: Read, per: Stage["per"]): number {
  const stages = kernel.stages.filter(
    (stage) => stage.per === per && stage.each === undefined && stage.sources === undefined,
  );
  return Math.max(0, ...stages.map((stage) => stage.trips));
}
