/** Whether a line of a store is a record: its writer may be anybody, and it may be cut. */
import { STORE_SCHEMA, type SweepRecord } from "./record.ts";

type Fields = Readonly<Record<string, (value: unknown) => boolean>>;

const isNumber = (value: unknown): boolean => typeof value === "number";
/** Some text that a terminal shows as it is. */
const isText = (value: unknown): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  typeof value === "string" && !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(value);
const isName = (value: unknown): boolean => isText(value) && value !== "" && value !== "__proto__";
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
const isList = (each: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every((one) => each(one));

/** An object that has all these fields; of those that end in "?" one may be absent. */
const has =
  (fields: Fields) =>
  (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, judge]) => {
      const optional = name.endsWith("?");
      const found: unknown = Reflect.get(value, optional ? name.slice(0, -1) : name);
      return (optional && found === undefined) || judge(found);
    });

const COMMON: Fields = {
  schema: (value) => value === STORE_SCHEMA,
  key: isName,
  spec: isName,
  bucket: isName,
  device: isName,
  tokens: isNumber,
  tiles: has({ bt: isNumber, bf: isNumber, bd: isNumber }),
  versions: has({ jax: isTextOrNull, libtpu: isTextOrNull }),
  vmem: has({ planned: isNumber, used: isNumber, available: isNumber }),
  btc: isList(isNumber),
  streamed: (value) => typeof value === "boolean",
  seconds: isNumber,
  "machine?": isText,
};

const isMeasured = has({
  bundles: isNumber,
  cycles: isNumber,
  estimate: has({
    ...{ seconds: isNumber, low: isNumber, high: isNumber, compute: isNumber, floor: isNumber },
    boundBy: isText,
  }),
  stages: isList(has({ stage: isText, cycles: isNumber })),
  "numerics?": has({ error: isNumber }),
  "deviceTime?": has({
    median: isNumber,
    quartiles: (value) => isList(isNumber)(value) && (value as unknown[]).length === 2,
    "paired?": isNumber,
    run: isText,
    host: isText,
    "slice?": isText,
    "libtpu?": isTextOrNull,
    "compiled?": isText,
  }),
});

const isDropped = has({ stage: isText, kind: isText, reason: isText });
const isCommon = has(COMMON);

/** A record with all that its status has, each of its type. */
export function isRecord(value: unknown): value is SweepRecord {
  if (!isCommon(value)) return false;
  const { status } = value as Partial<SweepRecord>;
  return (status === "ok" && isMeasured(value)) || (status === "dropped" && isDropped(value));
}
