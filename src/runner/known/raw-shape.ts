/** The shape of a compiler's answer, so that a file that was tampered with is no answer. */

import type { ScheduleProfile } from "../compiled.ts";
import type { RawTarget } from "../raw.ts";
import {
  amount,
  count,
  flag,
  listOf,
  maybe,
  objectOf,
  oneOf,
  optional,
  type Shape,
  tableOf,
  text,
} from "./shape.ts";

/** Loops lie in one another; nothing that a compiler makes is deeper. */
const DEEPEST = 64;

const loopAt =
  (depth: number): Shape =>
  (value) =>
    depth < DEEPEST &&
    objectOf({
      ...{ scope: text, depth: count, bundles: count, own: count },
      loops: listOf(loopAt(depth + 1)),
    })(value);

const buffers = listOf(objectOf({ shape: text, bytes: amount, tag: text }));

const profileShape = objectOf({
  machine: maybe(objectOf({ capacity: tableOf(amount), matrixUnits: amount })),
  loops: listOf(objectOf({ parent: maybe(count), scope: text, trips: maybe(amount) })),
  regions: listOf(
    objectOf({
      ...{ scope: text, loop: maybe(count), bundles: count, tracing: count, delay: amount },
      slots: tableOf(amount),
    }),
  ),
});

/** Outer loops stand before inner ones, and regions are in loops that there are. */
function isWhole({ loops, regions }: ScheduleProfile): boolean {
  return (
    loops.every(({ parent }, at) => parent === null || parent < at) &&
    regions.every(({ loop }) => loop === null || loop < loops.length)
  );
}

const profile: Shape = (value) => profileShape(value) && isWhole(value as ScheduleProfile);

const rawShape = objectOf({
  ...{ topology: text, deviceKind: text, fits: flag, codeBytes: maybe(amount) },
  offloads: optional(listOf(text)),
  bundles: maybe(
    objectOf({
      ...{ total: count, scopes: tableOf(count), tracing: count },
      ...{ loops: listOf(loopAt(0)), profile },
    }),
  ),
  vmem: maybe(objectOf({ used: amount, buffers })),
  seconds: objectOf({ trace: amount, compile: amount }),
  failure: optional(
    objectOf({
      ...{ kind: oneOf("vmem", "smem", "hbm"), message: text, buffers: optional(buffers) },
      ...{ requested: optional(amount), limit: optional(amount) },
    }),
  ),
});

/**
 * Whether an answer may be kept, and what was kept be believed: a kernel with its whole schedule, or
 * one that certainly does not fit. What another run may answer otherwise is neither.
 */
export function isLasting(value: unknown): value is RawTarget {
  if (!rawShape(value)) return false;
  const { fits, bundles, failure } = value as RawTarget;
  return fits ? bundles !== null && failure === undefined : failure !== undefined;
}
