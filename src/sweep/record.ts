/** What the store keeps of one candidate: one line of JSON. */
import { createHash } from "node:crypto";
import type { Estimate } from "../profile/estimate.ts";
import type { Slot } from "../profile/slots.ts";

/**
 * Raised when an older moegen could misread a record, and when records of an older one must not be
 * ranked beside new ones: from 2 on times are the event simulation's.
 */
export const STORE_SCHEMA = 2;

export interface Tiles {
  readonly bt: number;
  readonly bf: number;
  readonly bd: number;
}

export interface CandidateId {
  readonly bucket: string;
  readonly device: string;
  /** T that was compiled: the bucket's largest. */
  readonly tokens: number;
  readonly tiles: Tiles;
}

/** Where a candidate ended. */
export type DropStage = "legality" | "vmem" | "compile" | "profile" | "validate" | "time";

/** Why, in one word: counted by it. */
export type FailureKind =
  | "illegal"
  | "vmem"
  | "smem"
  | "hbm"
  | "compiler"
  /** Its result is wrong, or it raced, or read out of bounds. */
  | "numerics"
  /** The worker ended by the candidate's doing, was taken from outside, or was given up. */
  | "crash"
  | "lost"
  | "timeout"
  | "worker"
  | "disk";

export interface StageSummary {
  readonly stage: string;
  readonly cycles: number;
  readonly slot: Slot | null;
  readonly distance: number | null;
}

interface Common extends CandidateId {
  readonly schema: typeof STORE_SCHEMA;
  /** Hash of all that decides the outcome. */
  readonly key: string;
  readonly spec: string;
  readonly versions: { readonly jax: string | null; readonly libtpu: string | null };
  /** Planned bytes of VMEM, and what there is. */
  readonly vmem: { readonly planned: number; readonly used: number; readonly available: number };
  /** Row counts with a body, and whether weights come in tiles. */
  readonly btc: readonly number[];
  readonly streamed: boolean;
  readonly seconds: number;
  /** That compiled it; absent: the one that swept. */
  readonly machine?: string;
}

/** Seconds of a call on a TPU, from the profiler's trace. */
export interface DeviceTime {
  readonly median: number;
  readonly quartiles: readonly [number, number];
  /** By its ratio to a control that took turns with it, which is what ranks; absent: there was none. */
  readonly paired?: number;
  /** Candidates that took turns have the same: only they compare. */
  readonly run: string;
  /** The machine, and where one names it the slice that it is of. */
  readonly host: string;
  readonly slice?: string;
  /** What compiled it; absent in records of an older moegen. */
  readonly libtpu?: string | null;
  /** Where: ahead on another machine, or on the host itself; absent in records of an older moegen. */
  readonly compiled?: "ahead" | "there";
}

export interface Measured extends Common {
  readonly status: "ok";
  readonly bundles: number;
  readonly cycles: number;
  readonly estimate: Estimate;
  readonly stages: readonly StageSummary[];
  /** On simulated devices, scaled as `validate` does: its worst error. */
  readonly numerics?: { readonly error: number };
  readonly deviceTime?: DeviceTime;
}

export interface Dropped extends Common {
  readonly status: "dropped";
  readonly stage: DropStage;
  readonly kind: FailureKind;
  readonly reason: string;
}

export type SweepRecord = Measured | Dropped;

/** What moegen 0.1.0 called wrong numerics of a kernel that a busy machine had not finished. */
const CALLED_NUMERICS = /deadlock or too slow/;

/** Outcomes that another run may change; a resumed sweep tries these again. */
export function isTransient(record: SweepRecord): boolean {
  if (record.status !== "dropped") return false;
  const { kind, reason } = record;
  if (kind === "numerics") return CALLED_NUMERICS.test(reason);
  return ["crash", "lost", "timeout", "worker", "disk"].includes(kind);
}

/** Of two records of one candidate the one that says more is kept, in whatever order they are read. */
export function weightOf(record: SweepRecord): number {
  if (isTransient(record)) return 0;
  if (record.status === "dropped") return 4;
  return 1 + (record.numerics ? 1 : 0) + (record.deviceTime ? 1 : 0);
}

/** The same candidate, dropped: what was measured of it is left out. */
export function droppedAs(
  record: SweepRecord,
  why: Pick<Dropped, "stage" | "kind" | "reason">,
): Dropped {
  const { schema, key, spec, versions, vmem, btc, streamed, seconds } = record;
  const { bucket, device, tokens, tiles } = record;
  return {
    ...{ schema, key, spec, versions, vmem, btc, streamed, seconds },
    ...{ bucket, device, tokens, tiles, status: "dropped", ...why },
  };
}

export interface KeyParts {
  readonly files: ReadonlyMap<string, string>;
  readonly id: CandidateId;
  readonly deviceKind: string;
  readonly versions: Common["versions"];
}

/** By content: the kernel's source, its call, its tiles and limits, the compiler. */
export function keyOf({ files, id, deviceKind, versions }: KeyParts): string {
  const hash = createHash("sha256");
  const sources = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, text] of sources) hash.update(`${path}\0${text}\0`);
  hash.update(JSON.stringify([STORE_SCHEMA, id.tokens, id.tiles, deviceKind, versions]));
  return hash.digest("hex").slice(0, 32);
}
