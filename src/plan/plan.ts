/**
 * The plan: one checked kernel as plain JSON data. The emitter, the VMEM budget, `explain`,
 * the validator and the tests read this and nothing else.
 */

import type { LayerSpec } from "../spec/layer.ts";
import type { MeshSpec } from "../spec/mesh.ts";
import type { QuantizedDType } from "../spec/quantization.ts";
import type { BucketRows, BucketSpec, PredictedTimes, RowsTime } from "../spec/schedule.ts";
import type { PartCopies } from "./part-copies.ts";
import type { StageLoop } from "./stage-loop.ts";

export type MemorySpace = "HBM" | "VMEM" | "SMEM";

/** One tiled axis: `size` elements in `trips` tiles of `tile` (per device, per pass). */
export interface Axis {
  readonly name: string;
  readonly size: number;
  readonly tile: number;
  readonly trips: number;
  readonly meaning: string;
}

export interface Buffer {
  readonly name: string;
  readonly space: MemorySpace;
  /** Shape of one slot as declared to Pallas. */
  readonly shape: readonly number[];
  readonly dtype: "bfloat16" | "float32" | "uint32" | "int32" | QuantizedDType;
  readonly slots: number;
  /** Bytes of all slots, in the layout the compiler gives them (tiled to sublanes x lanes). */
  readonly bytes: number;
  readonly meaning: string;
}

/** Bytes and copies that cross the links of one kind: a dimension of the torus, or a chip's inside. */
export interface LinkTraffic {
  /** "x", "y", "z", or "pair" between the devices of a chip. */
  readonly links: string;
  /** Crossing such links, in one call, by device. */
  readonly bytes: number;
}

/** Copies of one device to another each, some of which pass on what came from a third. */
export interface Relays {
  readonly collective: "all_gather" | "reduce_scatter";
  /** Parts of a block that take the dimensions in different orders; 0: straight to each device. */
  readonly parts: number;
  /** Hops that the longest way of a part has. */
  readonly hops: number;
  readonly links: readonly LinkTraffic[];
}

/** Which of a collective's steps a stage goes through: those of own blocks, the next ones, the rest. */
export interface StageRelays {
  readonly stream: string;
  /** `others`: all but those of own blocks. */
  readonly steps: "own" | "early" | "late" | "others" | "all";
  /** Sums are in HBM: a step is a complete part, which goes through VMEM. Absent: a step for each copy. */
  readonly parts?: PartCopies;
}

/**
 * Other devices, in the order in which their rows come: `awaited`, those that the next block is the first to have rows
 * of; `returned`, those whose rows are all in the blocks before have their sums back.
 */
export type StageSources = "awaited" | "returned";

/** A copy that crosses memories or devices. */
export interface Stream {
  readonly name: string;
  readonly from: MemorySpace;
  readonly to: MemorySpace;
  readonly remote: boolean;
  /** Buffer (or kernel argument) names. */
  readonly source: string;
  readonly destination: string;
  readonly issuedBy: string;
  readonly awaitedBy: string;
  readonly semaphore: string;
  /** Bytes a device moves in one call, expected value under uniform routing. */
  readonly bytes: number;
  /** Copies a device issues in one call under uniform routing. */
  readonly copies: number;
  /** Tiles, each in a slot of its own, of what it brings at once: an expert, or all shared ones. */
  readonly tiles?: number;
  /** Slots of its own, not those of weight tiles: as many less one are on their way beside the one in use. */
  readonly slots?: number;
  /** Of these, what comes and goes with a block of rows itself. Absent: it comes a block ahead. */
  readonly withBlock?: true;
  /** Rows of a block that come when its first stage starts them; the others as these leave. Absent: all do. */
  readonly atOnce?: number;
  /** Absent: what is remote goes from each device to each other, all at once. */
  readonly relays?: Relays;
  /** The same, to those at its place on other chips alone, or to the others of its chip. */
  readonly reach?: "other chips" | "own chip";
  readonly meaning: string;
}

export interface Semaphore {
  readonly name: string;
  readonly kind: "dma" | "barrier";
  readonly count: number;
  readonly meaning: string;
}

/** Where a stage stands in a kernel whose passes overlap: rows of the next come, sums of the last leave. */
export interface Turn {
  /** Whose: the pass to come, that which comes, whose rows the experts take, or which leaves. */
  readonly of: "next" | "coming" | "taken" | "leaving";
  /** Before the experts, beside or after them (soon: with the first turn if no pass leaves); once; or in another stage. */
  readonly at: "first" | "beside" | "last" | "soon" | "before the end" | "within";
}

/** One stage of the kernel; `name` is also its `jax.named_scope`. */
export interface Stage {
  readonly name: string;
  readonly meaning: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly waits: readonly string[];
  readonly starts: readonly string[];
  /** Loop the stage runs in: once a call, a pass, an active expert, a row tile... */
  readonly per: "call" | "pass" | "expert" | "weight tile" | "row tile";
  /** Trips in one call under uniform routing. */
  readonly trips: number;
  /** Trips in one call of the loops inside the stage, outermost first, uniform routing. */
  readonly loopTrips: readonly number[];
  /** Multiply-adds counted as two, one call, one device, uniform routing. */
  readonly flops: number;
  /** Stages that run while this one's copies are in flight. */
  readonly overlaps: readonly string[];
  /** Loops of its code, outermost first; absent: none, or one over the peers. */
  readonly loops?: readonly StageLoop[];
  /** Most rows that it is made for, of several bodies that do the same. */
  readonly rows?: number;
  /** Rows of a block for each group of which it runs; absent: it runs once for what `per` says. */
  readonly each?: number;
  /** It runs once for a block, when more than half of gate and up of its first columns of F are there. */
  readonly amid?: true;
  /** Local experts whose weights it starts, the first ones, whether or not they have rows. */
  readonly early?: number;
  /** No device goes on before all are here. */
  readonly barrier?: true;
  /** It sends, awaits and passes on copies of a collective, one after the other. */
  readonly relays?: StageRelays;
  /** It runs for some other devices at a time: once for each. Absent: for all of them. */
  readonly sources?: StageSources;
  /** Of passes that overlap. Absent there: it stands in the loop over experts, or at its ends. */
  readonly turn?: Turn;
}

/**
 * To whom token rows go once, of those that need them: each device; or each chip, where it has two devices.
 */
export type ByNeed = "devices" | "chips";

export interface TileChoice {
  readonly bucket: string;
  readonly upTo: number;
  readonly bt: number;
  readonly bf: number;
  readonly bd: number;
  /** Row counts with a feed-forward body, ascending. */
  readonly btc: readonly number[];
  readonly slots: number;
  /** Weights arrive in (bf, bd) tiles, not a whole expert at a time; one answer for a package. */
  readonly streamed: boolean;
  /** Where token rows lie; one answer for a package. Absent: in VMEM, of one pass. */
  readonly rows?: BucketRows;
  /** Token rows go to the devices or chips that need them alone; one answer for a package. Absent: to all. */
  readonly byNeed?: ByNeed;
  /** What only its schedule has, by the names of the tile table. */
  readonly own: Readonly<Record<string, number>>;
}

export interface Traffic {
  /** Bytes, one call, one device, uniform routing. */
  readonly hbm: number;
  readonly hbmMinimum: number;
  readonly ici: number;
  readonly iciMinimum: number;
  readonly flops: number;
  /** FLOPs per HBM byte. */
  readonly intensity: number;
  /** Expected experts with a token on one device. */
  readonly activeExperts: number;
}

/** One Pallas call: what it declares and does. */
export interface PallasCall {
  readonly kind: "pallas";
  /** As the generated code names it. */
  readonly name: string;
  readonly buffers: readonly Buffer[];
  readonly streams: readonly Stream[];
  readonly semaphores: readonly Semaphore[];
  readonly stages: readonly Stage[];
}

/** A collective of XLA, all devices of the expert parallelism together. */
export interface Collective {
  readonly kind: "collective";
  readonly name: string;
  readonly operation: "all_gather" | "reduce_scatter" | "all_to_all";
  /** Bytes that a device has of all after it, or brings for all before it. */
  readonly bytes: number;
  readonly meaning: string;
}

/** Operations of XLA on one device. */
export interface XlaOperations {
  readonly kind: "xla";
  readonly name: string;
  /** How many there are, each with its own start. */
  readonly operations: number;
  /** Bytes that they read from and write to HBM. */
  readonly bytes: number;
  readonly meaning: string;
}

export type Call = PallasCall | Collective | XlaOperations;

/** Predicted microseconds of one schedule. */
export interface ScheduleTime {
  readonly schedule: string;
  readonly us: number;
}

/** Why a bucket of a plan of several schedules is run by the one that it names. */
export interface ScheduleChoice {
  /** The times that were compared; the spec names it; or no other can. */
  readonly by: "prediction" | "spec" | "alone";
  /** Of a call of `upTo` tokens, fastest first; of those that nothing is predicted for, none. */
  readonly times: readonly ScheduleTime[];
}

/** The kernel for one bucket on one device kind, at T = `tokens`. */
export interface KernelPlan {
  readonly bucket: string;
  /** Of a plan of several schedules: whose kernel it is, and why. */
  readonly schedule?: string;
  readonly choice?: ScheduleChoice;
  /** Where the spec leaves the place of rows to the plan: those that were compared, fastest first. */
  readonly rowsTimes?: readonly RowsTime[];
  readonly device: string;
  readonly tokens: number;
  readonly tiles: TileChoice;
  /** Times that a call goes through its experts, each time with other tokens. */
  readonly passes: number;
  readonly axes: readonly Axis[];
  /** In the order in which they run. */
  readonly calls: readonly Call[];
  /** Of the Pallas call that takes most. */
  readonly vmem: { readonly used: number; readonly available: number };
  readonly smem: { readonly used: number; readonly available: number };
  readonly traffic: Traffic;
  /** Of the program around a call, and of a call of the bucket's `upTo` tokens, where the spec has them. */
  readonly compilerOptions?: NonNullable<BucketSpec["compilerOptions"]>;
  readonly predicted?: PredictedTimes;
}

export interface Plan {
  readonly schema: 2;
  readonly name: string;
  readonly source?: string;
  /** Its kind; `auto`: each kernel names its own. */
  readonly schedule: string;
  /** As the spec has it; how its weights lie is a choice of the plan, not of the template. */
  readonly layer: LayerSpec;
  readonly mesh: Pick<MeshSpec, "ep" | "axes" | "tp" | "tpAxes"> & {
    /** Those that tokens are sharded over; the others see them replicated. */
    readonly tokenAxes: readonly string[];
  };
  readonly localExperts: number;
  readonly emit: { readonly reference: boolean };
  /** Every bucket on every device, bucket-major, at T = upTo. */
  readonly kernels: readonly KernelPlan[];
}
