/** Whether a line of a store is a record: its writer may be anybody, and it may be cut. */
import {
  flag,
  listOf,
  maybe,
  number,
  objectOf,
  optional,
  type Shape,
  text,
} from "../runner/known/shape.ts";
import { STORE_SCHEMA, type SweepRecord } from "./record.ts";

/** Some text that a terminal shows as it is. */
const shown: Shape = (value) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  text(value) && !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(String(value));
const name: Shape = (value) => shown(value) && value !== "" && value !== "__proto__";

const isCommon = objectOf({
  schema: (value) => value === STORE_SCHEMA,
  ...{ key: name, spec: name, bucket: name, device: name },
  tokens: number,
  tiles: objectOf({ bt: number, bf: number, bd: number }),
  versions: objectOf({ jax: maybe(shown), libtpu: maybe(shown) }),
  vmem: objectOf({ planned: number, used: number, available: number }),
  btc: listOf(number),
  streamed: flag,
  seconds: number,
  machine: optional(shown),
});

const isMeasured = objectOf({
  bundles: number,
  cycles: number,
  estimate: objectOf({
    ...{ seconds: number, low: number, high: number, compute: number, floor: number },
    boundBy: shown,
  }),
  stages: listOf(objectOf({ stage: shown, cycles: number })),
  numerics: optional(objectOf({ error: number })),
  deviceTime: optional(
    objectOf({
      median: number,
      quartiles: (value) => listOf(number)(value) && (value as unknown[]).length === 2,
      paired: optional(number),
      ...{ run: shown, host: shown, slice: optional(shown) },
      libtpu: optional(maybe(shown)),
      compiled: optional(shown),
    }),
  ),
});

const isDropped = objectOf({ stage: shown, kind: shown, reason: shown });

/** A record with all that its status has, each of its type. */
export function isRecord(value: unknown): value is SweepRecord {
  if (!isCommon(value)) return false;
  const { status } = value as Partial<SweepRecord>;
  return (status === "ok" && isMeasured(value)) || (status === "dropped" && isDropped(value));
}
