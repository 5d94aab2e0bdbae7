/**
 * The rows of the feature matrix: every two values of two fields that can meet do so in at least one
 * row. Built greedily, row by row (the AETG way). Our own, because the packages there are for this
 * lose pairs where fields constrain each other (covertable 2.5.2 lost 205 of 1,700 here), and a
 * pair that was lost is a pair of features that never met.
 *
 * The first schedule, which has every feature, has those rows. Each other one has rows in which every
 * weight format meets every number of devices, and each value that it serves is met.
 */
import type { Schedules } from "../../lower/lower.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import {
  type Constraint,
  constraints,
  type Field,
  fields,
  MANY_DEVICES,
  type Row,
} from "./fields.ts";
import { isServed } from "./served.ts";

type Unplaced = Omit<Row, "schedule">;
type Partly = Readonly<Partial<Record<Field, Row[Field]>>>;
type Values = Readonly<Record<Field, readonly Row[Field][]>>;

/** A field that hardly anything binds: given to rows that the others make, which so keep what they have together. */
const SPREAD = "deterministic";
const NAMES: readonly Field[] = (Object.keys(fields) as readonly Field[]).filter(
  (name) => name !== SPREAD,
);
/** Fields that others depend on, first: only they can lead into a dead end. */
const BOUND = NAMES.filter((name) => constraints.some((one) => one.fields.includes(name)));
/** Ways that each row is tried; the one that meets most new pairs is taken. */
const TRIES = 16;

/** Whether the constraints whose fields are all known are kept. */
export function isLegal(row: Partly): boolean {
  return keeps(row, constraints);
}

function keeps(row: Partly, some: readonly Constraint[]): boolean {
  return some.every(
    ({ fields: needed, legal }) =>
      needed.some((field) => row[field] === undefined) || legal(row as Row),
  );
}

/** Constraints that a field has a part in. */
const ABOUT = new Map(
  NAMES.map((name) => [name, constraints.filter((one) => one.fields.includes(name))]),
);

/** Whether some legal row has these values. */
export function canBe(row: Partly, values: Values = fields): boolean {
  return isLegal(row) && canFollow({ ...row }, values);
}

/** `row` is legal as far as it goes; it is changed on the way, and afterwards as it was. */
function canFollow(row: Record<string, Row[Field] | undefined>, values: Values): boolean {
  const open = BOUND.find((name) => row[name] === undefined);
  if (open === undefined) return true;
  const about = ABOUT.get(open) ?? [];
  const can = values[open].some((value) => {
    row[open] = value;
    // All others hold already.
    return keeps(row as Partly, about) && canFollow(row, values);
  });
  row[open] = undefined;
  return can;
}

type Pair = readonly [Field, Row[Field], Field, Row[Field]];

/** Every two values of two fields. */
export function pairsOf(values: Values): readonly Pair[] {
  return NAMES.flatMap((a, index) =>
    NAMES.slice(index + 1).flatMap((b) =>
      values[a].flatMap((x) => values[b].map((y): Pair => [a, x, b, y])),
    ),
  );
}

const keyOf = ([a, x, b, y]: Pair): string => `${a}=${x} ${b}=${y}`;

/** Pairs still to be met. */
class Unmet {
  readonly #pairs: Map<string, Pair>;

  constructor(pairs: readonly Pair[]) {
    this.#pairs = new Map(pairs.map((pair) => [keyOf(pair), pair]));
  }

  /** The first of those that rows are made for. */
  first(wanted: (pair: Pair) => boolean): Pair | undefined {
    for (const pair of this.#pairs.values()) if (wanted(pair)) return pair;
    return undefined;
  }

  /** Keys of those that one more value would meet, beside what is known. */
  metBy(row: Partly, name: Field, value: Row[Field]): readonly string[] {
    return NAMES.flatMap((other) => {
      const known = row[other];
      if (known === undefined || other === name) return [];
      const ordered = NAMES.indexOf(name) < NAMES.indexOf(other);
      const key = keyOf(ordered ? [name, value, other, known] : [other, known, name, value]);
      return this.#pairs.has(key) ? [key] : [];
    });
  }

  countIn(row: Unplaced): number {
    return NAMES.reduce((sum, name) => sum + this.metBy(row, name, row[name]).length, 0) / 2;
  }

  meet(row: Unplaced): void {
    for (const name of NAMES) {
      for (const key of this.metBy(row, name, row[name])) this.#pairs.delete(key);
    }
  }
}

/** The same numbers on every run: for the order in which fields and values are tried. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffled<T>(list: readonly T[], next: () => number): readonly T[] {
  return [...list]
    .map((item) => ({ item, place: next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Fills a row up field by field, each time with the value that meets most. */
function completed(start: Partly, unmet: Unmet, values: Values, next: () => number): Unplaced {
  let row = start;
  for (const name of shuffled(NAMES, next)) {
    if (row[name] !== undefined) continue;
    const best = shuffled(values[name], next)
      .map((value) => ({ value, met: unmet.metBy(row, name, value).length }))
      .sort((a, b) => b.met - a.met)
      .find(({ value }) => !BOUND.includes(name) || canBe({ ...row, [name]: value }, values));
    if (best === undefined) throw new RangeError(`no value of ${name} can follow`);
    row = { ...row, [name]: best.value };
  }
  return row as Unplaced;
}

const every = (): boolean => true;

/**
 * Rows that meet every pair of values that is `wanted` and can meet. Which rows is led by the pairs
 * that are worth meeting, the wanted ones among them.
 */
function covering(
  values: Values,
  wanted: (pair: Pair) => boolean = every,
  worth: (pair: Pair) => boolean = wanted,
): readonly Unplaced[] {
  const pairs = pairsOf(values).filter(worth);
  const unmet = new Unmet(pairs.filter(([a, x, b, y]) => canBe({ [a]: x, [b]: y }, values)));
  const next = numbers(1);
  const rows: Unplaced[] = [];
  for (let pair = unmet.first(wanted); pair !== undefined; pair = unmet.first(wanted)) {
    const [a, x, b, y] = pair;
    const tried = Array.from({ length: TRIES }, () =>
      completed({ [a]: x, [b]: y }, unmet, values, next),
    );
    const best = tried.reduce((most, row) =>
      unmet.countIn(row) > unmet.countIn(most) ? row : most,
    );
    unmet.meet(best);
    rows.push(best);
  }
  return rows;
}

/**
 * Rows with the field on in as few of them as meet every value that it can meet, and off in the rest; those of
 * a schedule other than the first where it serves that.
 */
function spread(rows: readonly Unplaced[], schedule?: Schedule): readonly Unplaced[] {
  const may = (row: Unplaced): boolean =>
    isLegal(row) &&
    (schedule === undefined || isServed({ ...row, schedule: schedule.kind }, schedule));
  const valuesOf = (row: Unplaced): readonly string[] =>
    NAMES.map((name) => `${name} ${row[name]}`);
  const legal = rows.filter((row) => may({ ...row, [SPREAD]: "yes" }));
  const unmet = new Set(legal.flatMap(valuesOf));
  const chosen = new Set<Unplaced>();
  while (unmet.size > 0) {
    const meets = (row: Unplaced): number =>
      valuesOf(row).filter((value) => unmet.has(value)).length;
    const best = legal.reduce((most, row) => (meets(row) > meets(most) ? row : most));
    chosen.add(best);
    for (const value of valuesOf(best)) unmet.delete(value);
  }
  return rows.map((row) => ({ ...row, [SPREAD]: chosen.has(row) ? "yes" : "no" }));
}

/** The first legal row with a value, of the first value of each other field where that can be. */
function leastWith(name: Field, value: Row[Field]): Unplaced {
  let row: Partly = { [name]: value };
  for (const other of [...NAMES, SPREAD] as const) {
    if (row[other] !== undefined) continue;
    const found = fields[other].find((one) => canBe({ ...row, [other]: one }));
    if (found === undefined) throw new RangeError(`${name} ${value} leads nowhere`);
    row = { ...row, [other]: found };
  }
  return row as Unplaced;
}

/** The values of each field that a schedule serves: what it refuses is its own to say. */
export function servedValues(schedule: Schedule): Values {
  const served = (Object.keys(fields) as readonly Field[]).map((name) => [
    name,
    fields[name].filter((value) =>
      isServed({ ...leastWith(name, value), schedule: schedule.kind }, schedule),
    ),
  ]);
  return Object.fromEntries(served);
}

/** Every weight format on every number of devices, and every value. */
function rowsOfOther(schedule: Schedule): readonly Row[] {
  const values = servedValues(schedule);
  const formats = ([a, , b]: Pair): boolean =>
    (a === "ep" && b === "quantization") || (a === "quantization" && b === "ep");
  const rows = [...covering(values, formats, every)];
  for (const name of NAMES) {
    for (const value of values[name]) {
      if (rows.some((row) => row[name] === value)) continue;
      rows.push(completed({ [name]: value }, new Unmet([]), values, numbers(1)));
    }
  }
  return spread(rows, schedule).map((row) => ({ ...row, schedule: schedule.kind }));
}

/** One row on each number of devices that only the whole matrix has. */
function rowsOfMany(schedule: Schedule): readonly Row[] {
  const values = servedValues(schedule);
  return MANY_DEVICES.map((ep) => {
    const of = { ...values, ep: [ep] };
    const row = completed({ ep }, new Unmet([]), of, numbers(ep));
    return { ...row, [SPREAD]: "no", schedule: schedule.kind };
  });
}

/**
 * The same on every run: of the first schedule pairwise on up to 8 devices, of the others what is said
 * above; `all` adds every value on 16 and on 32 of the first, a row on each of the others.
 *
 * @throws RangeError where there is no schedule.
 */
export function matrixRows(
  schedules: Schedules,
  { all = false }: { readonly all?: boolean } = {},
): readonly Row[] {
  const [first, ...others] = Object.values(schedules);
  if (first === undefined) throw new RangeError("there is no schedule");
  const ofFirst = (rows: readonly Unplaced[]): readonly Row[] =>
    spread(rows).map((row) => ({ ...row, schedule: first.kind }));
  const usual = [...ofFirst(covering(fields)), ...others.flatMap(rowsOfOther)];
  if (!all) return usual;
  const many = { ...fields, ep: MANY_DEVICES };
  const onMany = covering(many, ([a, , b]) => a === "ep" || b === "ep");
  return [...usual, ...ofFirst(onMany), ...others.flatMap(rowsOfMany)];
}
