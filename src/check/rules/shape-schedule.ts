/** The kinds of values of a schedule: its buckets, their tiles, their predicted times. */
import { TILE_AXES } from "../../lower/tiles.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { isAuto, isChoices } from "../../spec/choice.ts";
import { memberNames, memberParts } from "../../spec/member.ts";
import { BUCKET_ROWS, bucketOptions, RUN_ROWS } from "../../spec/schedule.ts";
import { AUTO, BUCKET_FIELDS, EPMOE } from "../../spec/several.ts";
import { show } from "../../spec/show.ts";
import type { SpecPath } from "../diagnostic.ts";
import { checkCompilerOptions } from "./compiler-options.ts";
import type { Dict, Kinds, Vocabulary } from "./kinds.ts";

/**
 * Reports into `kinds` what is wrong with the schedule's values. `devices` is the spec's own list,
 * unchecked: predicted times are legal for those alone.
 */
export function checkSchedule(
  kinds: Kinds,
  value: unknown,
  vocabulary: Vocabulary,
  devices: unknown,
): void {
  const path = ["schedule"];
  const schedule = kinds.object(path, value);
  if (schedule === undefined) return;
  const names = Object.keys(vocabulary.schedules);
  const members = memberNames(vocabulary.schedules);
  const several = schedule.kind === AUTO;
  kinds.keys(path, schedule, ["kind", ...(several ? ["among"] : []), "tiles"]);
  kinds.oneOf([...path, "kind"], schedule.kind, [...names, AUTO]);
  if (several && schedule.among !== undefined) checkAmong(kinds, path, schedule.among, members);
  const named = Object.entries(vocabulary.schedules).find(([kind]) => kind === schedule.kind)?.[1];
  const tiles = kinds.object([...path, "tiles"], schedule.tiles);
  for (const [name, bucket] of Object.entries(tiles ?? {})) {
    const known = vocabulary.devices.filter(
      (device) => Array.isArray(devices) && devices.includes(device),
    );
    const at = [...path, "tiles", name];
    if (several) checkSeveralBucket(kinds, at, bucket, known, vocabulary.schedules);
    else checkBucket(kinds, at, bucket, known, named);
  }
}

/** Members that may take part, each once. */
function checkAmong(kinds: Kinds, path: SpecPath, value: unknown, names: readonly string[]): void {
  const where = [...path, "among"];
  const list = kinds.list(where, value);
  if (Array.isArray(value) && list.length === 0) {
    kinds.wrong(where, value, `some of ${names.join(", ")}, or left out`);
  }
  for (const [index, kind] of list.entries()) {
    kinds.oneOf([...where, index], kind, names);
    if (list.indexOf(kind) < index) {
      kinds.wrong([...where, index], kind, "each schedule once");
    }
  }
}

/** A bucket of several schedules: which tiles each takes, and what is predicted of them. */
function checkSeveralBucket(
  kinds: Kinds,
  path: SpecPath,
  value: unknown,
  devices: readonly string[],
  schedules: Vocabulary["schedules"],
): void {
  const bucket = kinds.object(path, value);
  if (bucket === undefined) return;
  const names = memberNames(schedules);
  kinds.keys(path, bucket, [...BUCKET_FIELDS, ...names]);
  kinds.positive([...path, "upTo"], bucket.upTo);
  checkCompilerOptions(kinds, path, bucket.compilerOptions);
  if (bucket.use !== undefined) kinds.oneOf([...path, "use"], bucket.use, names);
  if (bucket.predicted !== undefined) {
    checkPredicted(kinds, [...path, "predicted"], bucket.predicted, devices, (where, times) => {
      const known = [...names, EPMOE];
      kinds.keys(where, times, known);
      for (const one of known) {
        if (times[one] !== undefined) checkTime(kinds, [...where, one], times[one]);
      }
    });
  }
  for (const name of names) {
    const schedule = schedules[memberParts(name).kind];
    if (bucket[name] === undefined || schedule === undefined) continue;
    const where = [...path, name];
    const tiles = kinds.object(where, bucket[name]);
    if (tiles === undefined) continue;
    const axes = schedule.axes.map(({ name }) => name);
    // Where its rows lie its name says.
    const options = schedule.options.filter((option) => option !== "rows");
    kinds.keys(where, tiles, [...axes, ...options]);
    checkTiles(
      kinds,
      where,
      tiles,
      axes.filter((axis) => tiles[axis] !== undefined),
    );
  }
}

function checkBucket(
  kinds: Kinds,
  path: SpecPath,
  value: unknown,
  devices: readonly string[],
  named: Pick<Schedule, "axes" | "options"> | undefined,
): void {
  const bucket = kinds.object(path, value);
  if (bucket === undefined) return;
  const axes = named?.axes.map(({ name }) => name) ?? TILE_AXES;
  const options = named?.options ?? bucketOptions;
  kinds.keys(path, bucket, ["upTo", ...axes, ...options, "compilerOptions", "predicted"]);
  if (bucket.predicted !== undefined) {
    checkPredicted(kinds, [...path, "predicted"], bucket.predicted, devices, (where, times) => {
      kinds.keys(where, times, ["fused", "epmoe"]);
      for (const one of ["fused", "epmoe"]) checkTime(kinds, [...where, one], times[one]);
    });
  }
  kinds.positive([...path, "upTo"], bucket.upTo);
  checkCompilerOptions(kinds, path, bucket.compilerOptions);
  checkTiles(kinds, path, bucket, axes);
}

/** The tiles that a bucket says; `axes` are those that must be there. */
function checkTiles(kinds: Kinds, path: SpecPath, bucket: Dict, axes: readonly string[]): void {
  for (const axis of axes) checkChoice(kinds, [...path, axis], bucket[axis]);
  if (bucket.btc !== undefined) {
    for (const [index, rows] of kinds.list([...path, "btc"], bucket.btc).entries()) {
      kinds.positive([...path, "btc", index], rows);
    }
  }
  if (bucket.transport !== undefined) {
    kinds.oneOf([...path, "transport"], bucket.transport, ["auto", "straight", "by dimensions"]);
  }
  if (bucket.routes !== undefined) {
    kinds.oneOf([...path, "routes"], bucket.routes, ["auto", "own", "all"]);
  }
  if (bucket.rows !== undefined) {
    kinds.oneOf([...path, "rows"], bucket.rows, [...BUCKET_ROWS, "auto"]);
  }
  checkLeast(kinds, path, bucket, "slots", 2);
  checkLeast(kinds, path, bucket, "early", 0);
  if (bucket.passTokens !== undefined) kinds.positive([...path, "passTokens"], bucket.passTokens);
  checkRunRows(kinds, path, bucket);
}

/** Rows of a run that a copy may take; those that lie in HBM leave otherwise. */
function checkRunRows(kinds: Kinds, path: SpecPath, { runRows, rows }: Dict): void {
  if (runRows === undefined) return;
  const known = RUN_ROWS.some((one) => one === runRows);
  if (known && (rows === undefined || rows === "vmem")) return;
  kinds.findings.push({
    code: "MOE113",
    severity: "error",
    path: [...path, "runRows"],
    message: known
      ? `runRows = ${runRows} with rows = ${show(rows)}: where rows lie in HBM they leave one by one`
      : `runRows = ${show(runRows)} is not supported: ${RUN_ROWS.join(", ")}`,
    nearest: known ? ['rows: "vmem"'] : [...RUN_ROWS],
  });
}

/** A whole number of at least so much, where it is there. */
function checkLeast(
  kinds: Kinds,
  path: SpecPath,
  bucket: Readonly<Record<string, unknown>>,
  name: "slots" | "early",
  least: number,
): void {
  const value = bucket[name];
  if (value === undefined) return;
  if (typeof value === "number" && Number.isInteger(value) && value >= least) return;
  kinds.findings.push({
    code: "MOE113",
    severity: "error",
    path: [...path, name],
    message: `${name} = ${show(value)} is not supported: a whole number of at least ${least}`,
    nearest: [least, least + 1, least + 2],
  });
}

/** Microseconds: no call takes less than a nanosecond, or more than an hour. */
const TIMES = { least: 1e-3, most: 3.6e9 } as const;

/** A positive number that can be the time of a call. */
function checkTime(kinds: Kinds, path: SpecPath, time: unknown): void {
  kinds.factor(path, time);
  if (typeof time !== "number" || !Number.isFinite(time) || time <= 0) return;
  const { least, most } = TIMES;
  if (time >= least && time <= most) return;
  kinds.findings.push({
    code: "MOE114",
    severity: "error",
    path,
    message: `${String(path.at(-1))} = ${time} microseconds is no time of a call`,
    detail: `${least} to ${most}`,
    nearest: [time < least ? least : most],
  });
}

/** Times of devices that the spec has; `judge` looks at those of one. */
function checkPredicted(
  kinds: Kinds,
  path: SpecPath,
  value: unknown,
  devices: readonly string[],
  judge: (where: SpecPath, times: Dict) => void,
): void {
  const predicted = kinds.object(path, value);
  if (predicted === undefined) return;
  kinds.keys(path, predicted, devices);
  for (const device of devices.filter((name) => predicted[name] !== undefined)) {
    const where = [...path, device];
    const times = kinds.object(where, predicted[device]);
    if (times !== undefined) judge(where, times);
  }
}

function checkChoice(kinds: Kinds, path: SpecPath, value: unknown): void {
  if (isAuto(value)) return;
  if (typeof value === "number") kinds.positive(path, value);
  else if (!isChoices(value) || value.values.length === 0) {
    kinds.wrong(path, value, "a number, choices(…) or auto");
  } else {
    const members = Array.from<unknown>(value.values);
    for (const [index, member] of members.entries()) kinds.positive([...path, index], member);
  }
}
