/** What a dispatch/combine scheme must provide. One folder each, plus one line in `registry.ts`. */

import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { Job } from "../predict/job.ts";
import type { Step } from "../predict/step.ts";
import type { Bundles } from "../runner/types.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { BucketOption, BucketRoutes, BucketRows, BucketTransport } from "../spec/schedule.ts";
import type { Device } from "../target/device/device.ts";

export type TileAxis = "bt" | "bf" | "bd";

/** An axis that a schedule tiles. */
export interface TiledAxis {
  readonly name: TileAxis;
  /** What halving its tile costs beside the others. */
  readonly cost: number;
}

/** Something in an entry of the generated tile table beside `up_to` and the VMEM limit. */
export interface TileField {
  /** As in the table: one of the common tiles, or a name of `TileChoice.own`. */
  readonly name: string;
  readonly type: "int" | "tuple[int, ...]";
  readonly meaning: string;
}

/** What a caller's own value must keep. */
export interface TileRule {
  readonly name: string;
  /** Python, of `self`. */
  readonly python: string;
  readonly text: string;
}

export interface TileTable {
  readonly fields: readonly TileField[];
  /** In the order in which they are tried. */
  readonly rules: readonly TileRule[];
}

/** One bucket's tiles with every choice resolved to a number. */
export interface TileRequest {
  readonly bucket: string;
  readonly upTo: number;
  readonly bt: number;
  readonly bf: number;
  readonly bd: number;
  /** Absent: the schedule's own rule. */
  readonly btc?: readonly number[];
  /** Absent: the schedule's own rule. */
  readonly slots?: number;
  /** Local experts whose weights start at entry. Absent: the schedule's own rule. */
  readonly early?: number;
  /** How rows and sums go between devices. Absent: "auto". */
  readonly transport?: BucketTransport;
  /** Which tokens a device routes. Absent: "auto". */
  readonly routes?: BucketRoutes;
  /** Where rows and results lie. Absent: "vmem". */
  readonly rows?: BucketRows;
  /** Most token rows that a device brings to one pass. Absent: as many as fit. */
  readonly passTokens?: number;
  /** Rows of a run that one copy takes. Absent: the schedule's own rule. */
  readonly runRows?: number;
}

export interface LowerInput {
  /** Of all devices. */
  readonly layer: LayerSpec;
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Devices that each expert's columns are cut over, where the schedule cuts them; absent: 1. */
  readonly tp?: number;
  /** Names of all kinds that the package is for: some answers are one for all of them. */
  readonly devices: readonly string[];
  readonly device: Device;
  readonly tiles: TileRequest;
  /** T, all devices together. */
  readonly tokens: number;
  /** Own tiles of a kernel that is already made, for another T; absent: chosen for this T. */
  readonly own?: Readonly<Record<string, number>>;
  /** Stream weight tiles although a whole expert would do: another bucket of the package must. */
  readonly streamed?: boolean;
}

/** A rule an axis must keep, as text and as the values that keep it. */
export interface AxisRule {
  /** e.g. "divides F and is a multiple of 128 lanes". */
  readonly text: string;
  /** Legal values, ascending. */
  readonly legal: readonly number[];
}

/** One file of the generated package: its name and its template's path below `templates/`. */
export interface PackageFile {
  readonly file: string;
  readonly template: string;
  /** Plain data for the template, made from the plan alone. */
  readonly context: (plan: Plan) => Record<string, unknown>;
}

/**
 * Of the routed experts, and of the shared ones: bodies of more rows than this round weights times
 * their scales. 0: all bodies; absent: none.
 */
export interface RoundedWeights {
  readonly routed?: number;
  readonly shared?: number;
}

export interface Schedule {
  readonly kind: string;
  /** One line, for `init` and the README. */
  readonly summary: string;
  /**
   * Axes that a bucket names a tile of, in the order in which `auto` is decided. Of the others a
   * tile is what `axisRule` says is legal: one value.
   */
  readonly axes: readonly TiledAxis[];
  /** What else a bucket may name. */
  readonly options: readonly BucketOption[];
  /** Why a bucket may not name `rows` beside "vmem", of a layer; undefined: it may. Absent: it always may. */
  readonly refusesRows?: (
    rows: Exclude<BucketRows, "vmem">,
    layer: LayerSpec,
  ) => string | undefined;
  /** No array has a row of D for each routed entry: those of a call are of tokens alone. */
  readonly rowsByToken?: true;
  /** Its last devices may have experts of zero weights that no token goes to. */
  readonly fillsUp?: true;
  /** Each expert's columns may be cut over devices (`mesh.tp`). */
  readonly cutsExperts?: true;
  /** It can give results that are the same to the last bit in any batch. */
  readonly deterministic?: true;
  /** Divisibility and alignment of the layer as one device has it; knows nothing of VMEM. */
  axisRule(layer: LayerSpec, axis: TileAxis): AxisRule;
  /** Alignment rules of the layer itself (D, F): empty if this schedule can run it. */
  layerProblems(layer: LayerSpec): readonly {
    readonly field: keyof LayerSpec;
    readonly message: string;
    readonly nearest: readonly number[];
  }[];
  /** Columns of the shared experts, of S in all, that lie in the HBM of one of so many devices. */
  sharedColumns(layer: LayerSpec, devices: number): number;
  /** Lowers one bucket on one device. Pure arithmetic: does not judge whether it fits. */
  lower(input: LowerInput): KernelPlan;
  /**
   * Seconds of a call that decide between tiles where `auto` may choose; absent: nothing does but
   * how much fits. What cut tiles cost the matrix units is not in it.
   */
  seconds?(input: LowerInput): number;
  /** With `seconds`: rows of a tile that `auto` tries beside the most that fit and parts of them. */
  rowTiles?(input: LowerInput): readonly number[];
  /** How products with quantised weights are made and what that costs, for `explain`. */
  dequantizationText?(plan: Plan): string | undefined;
  /** Where weights times their scales are rounded to the dtype before a product. */
  roundedWeights?(plan: Plan): RoundedWeights;
  /** Each expert's result is rounded to the dtype before it is weighted, and so are all devices' sums. */
  readonly roundedResults?: true;
  /** What quantised rows mean on each device and between devices, for `explain`. */
  rowsText?(plan: Plan): readonly string[];
  /** The fields of the generated tile table, and what keeps a kernel with other tiles right. */
  tileTable(plan: Plan): TileTable;
  /** Steps of a kernel for the predictor, from what the compiler counted. Absent: read off the plan. */
  readonly steps?: (kernel: KernelPlan, bundles: Bundles, job: Job) => readonly Step[];
  /** Files that only this schedule has (kernel.py); the common ones are in `src/emit`. */
  files(plan: Plan): readonly PackageFile[];
}
