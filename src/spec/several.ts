/** Several schedules in one package: which may take part, and what each takes by token count. */
import type { CompilerOptions } from "./compiler-options.ts";
import type { BucketSpec, ScheduleSpec } from "./schedule.ts";

/** The kind of a schedule that is several: each bucket runs the one that is predicted to be fastest. */
export const AUTO = "auto";

/** Beside schedules in the predicted times: sgl-jax's EPMoE, what a tree falls back to. */
export const EPMOE = "epmoe";

/** Predicted microseconds of a call of `upTo` tokens, by member (`member.ts`), and EPMoE's under `epmoe`. */
export type TimesBySchedule = Readonly<Record<string, number>>;

/** What one member takes of a bucket. Absent tiles: `auto`. Where its rows lie its name says. */
export type MemberTiles = Omit<BucketSpec, "upTo" | "predicted" | "rows" | "compilerOptions">;

/** Fields of a bucket that are not a schedule's. */
export const BUCKET_FIELDS = ["upTo", "use", "compilerOptions", "predicted"] as const;

/** A bucket of several schedules; further fields are `MemberTiles` by member. */
export interface SeveralBucket {
  /** Largest token count T of this bucket. */
  readonly upTo: number;
  /** The member that runs it, whatever is predicted. Absent: the fastest by `predicted`. */
  readonly use?: string;
  /** Of the program around a call, whoever runs it. Absent: none. */
  readonly compilerOptions?: CompilerOptions;
  /** By device, as `moegen predict --write` puts them. Absent: nothing is decided yet. */
  readonly predicted?: Readonly<Record<string, TimesBySchedule>>;
}

/** A schedule of kind `auto`. */
export interface SeveralSpec {
  readonly kind: typeof AUTO;
  /** Members that may take part. Absent: every schedule that can run the layer, rows in VMEM. */
  readonly among?: readonly string[];
  /** Token-count buckets by name, ascending in `upTo`. */
  readonly tiles: Readonly<Record<string, SeveralBucket>>;
}

/** The schedule as one of several; undefined: it is a single one. */
export function severalOf(schedule: ScheduleSpec | undefined): SeveralSpec | undefined {
  const value: unknown = schedule;
  const kind = typeof value === "object" && value !== null && Reflect.get(value, "kind");
  return kind === AUTO ? (value as SeveralSpec) : undefined;
}

/** What a member is given of a bucket; undefined: nothing is written. */
export function memberTiles(bucket: SeveralBucket, name: string): MemberTiles | undefined {
  return (bucket as unknown as Readonly<Record<string, MemberTiles | undefined>>)[name];
}

/** As the spec's schedule: what every reader asks with `severalOf`. */
export function asSchedule(several: SeveralSpec): ScheduleSpec {
  return several as unknown as ScheduleSpec;
}
