/** Which schedule, and its tiles by token count. */
import type { Choice } from "./choice.ts";
import type { CompilerOptions } from "./compiler-options.ts";

/** Predicted microseconds of one call of `upTo` tokens on one device kind. */
export interface PredictedTimes {
  /** Of this kernel. */
  readonly fused: number;
  /** Of sgl-jax's EPMoE: what a tree falls back to. */
  readonly epmoe: number;
}

/**
 * Straight from each device to each other; or along one dimension of the torus after the other, the
 * devices of a chip last, and sums the same way back; or what is predicted to be faster.
 */
export type BucketTransport = "auto" | "straight" | "by dimensions";

/**
 * Who routes: each device its own tokens, whose lists it then gives to all others; each device the
 * tokens of all; or what is predicted to be faster, by T.
 */
export type BucketRoutes = "auto" | "own" | "all";

/**
 * Where the token rows of all devices lie: in VMEM, one pass after the other; there, of two passes,
 * where the rows of one come in while the experts take those of the other; or in HBM, of two passes;
 * or there with the float32 sums of these tokens, or with the results of all their experts, to be added up where
 * sums leave.
 */
export const BUCKET_ROWS = [
  "vmem",
  "two passes",
  "hbm",
  "hbm with sums",
  "hbm with results",
] as const;
export type BucketRows = (typeof BUCKET_ROWS)[number];

/** Rows of a run that one copy may take: they divide a group of rows. */
export const RUN_ROWS = [1, 2, 4, 8] as const;

/** Estimated microseconds of a call of `upTo` tokens with rows in one of these places. */
export interface RowsTime {
  readonly rows: BucketRows;
  readonly us: number;
}

/**
 * Tiles for calls of up to `upTo` tokens (all devices together). Which of them there are is the
 * schedule's; of an axis that it does not tile there is none.
 */
export interface BucketSpec {
  /** Largest token count T of this bucket. */
  readonly upTo: number;
  /** Rows of one expert multiplied at once. */
  readonly bt?: Choice;
  /** Columns of the intermediate axis F in one weight tile. */
  readonly bf?: Choice;
  /** Columns of the hidden axis D in one weight tile. */
  readonly bd?: Choice;
  /** Row counts the feed-forward has a body for; ascending, the last is bt. Absent: chosen by rule. */
  readonly btc?: readonly [number, ...number[]];
  /**
   * Weight tiles in VMEM at once, at least 2: all but one are on their way while one is used. Absent:
   * as many as are of use, and as VMEM has room for.
   */
  readonly slots?: number;
  /**
   * Local experts whose weights start before it is known that they have rows; 0: none. Absent:
   * where the chance says that it pays.
   */
  readonly early?: number;
  /** How token rows and their sums go between devices. Absent: "auto". */
  readonly transport?: BucketTransport;
  /** Which tokens a device routes, where the kernel routes. Absent: "auto". */
  readonly routes?: BucketRoutes;
  /**
   * Where token rows and results lie, or what the estimate of a call has fastest; one answer for all
   * buckets. Absent: "vmem".
   */
  readonly rows?: BucketRows | "auto";
  /**
   * Most token rows that a device brings to one pass; where passes may overlap, so many if they fit. Absent: as
   * many as VMEM has room for; fewer than 16, which are 8, where it has none for 16.
   */
  readonly passTokens?: number;
  /**
   * Where rows go to those that need them alone: how many of a run one copy takes, 1, 2, 4 or 8; the last copy's
   * are filled up. Absent: what the expected lengths of runs make cheapest.
   */
  readonly runRows?: number;
  /** Of the program that calls the kernel with so many tokens: it is their caller's to give. Absent: none. */
  readonly compilerOptions?: CompilerOptions;
  /**
   * By device, as `moegen predict --write` puts them: the tile table carries them, and the back end
   * `auto` of a tree reads them there. Absent: not predicted.
   */
  readonly predicted?: Readonly<Record<string, PredictedTimes>>;
}

/** What a bucket may name beside its tiles, where its schedule has it. */
export const bucketOptions = [
  "btc",
  "slots",
  "early",
  "transport",
  "routes",
  "rows",
  "passTokens",
  "runRows",
] as const;
export type BucketOption = (typeof bucketOptions)[number];

export interface ScheduleSpec {
  /** Key of `src/schedule/registry.ts`; of several schedules see `several.ts`. */
  readonly kind: string;
  /** Token-count buckets by name, ascending in `upTo`. */
  readonly tiles: Readonly<Record<string, BucketSpec>>;
}
