/**
 * "Nearest legal" is legal under all rules: each value that a rule proposes is put in its place and
 * judged again, and where none of them passes others close by are tried.
 */

import type { MoeInput } from "../dsl/input.ts";
import { moe } from "../dsl/moe.ts";
import type { Registries } from "../lower/lower.ts";
import type { TileAxis } from "../schedule/schedule.ts";
import { deviceLayer } from "../spec/formats.ts";
import { memberParts } from "../spec/member.ts";
import { severalOf } from "../spec/several.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Finding, SpecPath } from "./diagnostic.ts";
import { judge, judgeRules } from "./judge.ts";
import { UNDECIDED } from "./rules/several.ts";

type Value = number | string;

/** Judgements of one spec: a spec that is wrong in many places is not worth more. */
const MOST_JUDGED = 160;
/** Kernels lowered for them, a bucket on a device each: with tiles left to `auto` one takes 20 ms. */
const MOST_LOWERED = 120;
/** Values tried around one that is wrong. */
const MOST_TRIED = 60;
const PROPOSED = 2;

function get(value: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null ? Reflect.get(at, step) : undefined),
    value,
  );
}

/** A copy with one value replaced; what lies beside the path is shared. */
function withValue(value: unknown, [step, ...below]: SpecPath, made: unknown): unknown {
  if (step === undefined) return made;
  const inner = withValue(get(value, [step]), below, made);
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? inner : item));
  return { ...(value as object), [step]: inner };
}

/** What is meant by text such as `true`. */
function literal(value: Value): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return value;
  }
}

const keyOf = ({ code, path }: Finding): string => `${code} ${path.join(".")}`;
const isSame = (a: Finding, b: Finding): boolean => keyOf(a) === keyOf(b) && a.detail === b.detail;
const isError = ({ severity }: Finding): boolean => severity === "error";

/** All numbers of a spec: a size is a multiple of the tiles that cut it. */
function numbersIn(value: unknown): readonly number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

class Proposals {
  readonly #spec: MoeSpec;
  /** Errors of the spec as it is. */
  readonly #wrong: ReadonlySet<string>;
  readonly #using: Registries;
  #left = MOST_JUDGED;
  #kernels = MOST_LOWERED;

  constructor(spec: MoeSpec, findings: readonly Finding[], using: Registries) {
    this.#spec = spec;
    this.#wrong = new Set(findings.filter(isError).map(keyOf));
    this.#using = using;
  }

  refined(finding: Finding): Finding {
    const { path, nearest, at } = finding;
    const old = get(this.#spec, path);
    if (at === "key" || path.length === 0) return finding;
    // Text to read (tiles of each axis, a field with its value) is no value for this place.
    const isValue = (value: Value): boolean =>
      typeof value === typeof old && (typeof value === "number" || /^\w+$/.test(value));
    const values = this.#legalHere(path, nearest.filter(isValue));
    if (typeof old !== "number" && values.length === 0) return finding;
    const others = nearest.filter((value) => !isValue(value));
    const proposed = (found: readonly Value[]): Finding => ({
      ...finding,
      nearest: [...found, ...others],
    });
    const legal = values.filter((value) => this.#passes(finding, value));
    if (legal.length > 0) return proposed(legal);
    if (typeof old === "number" && (values.length > 0 || finding.code === "MOE103")) {
      const found = this.#search(finding, old);
      if (found.length > 0) return proposed(found);
    }
    // Where other values are wrong too, no value of this one makes the spec sound.
    if (this.#wrong.size === 1) return proposed([]);
    const tiles = typeof old === "number" && this.#tilesAt(path) !== undefined;
    const close =
      tiles && values.length === 0 ? this.#around(path, old).slice(0, PROPOSED) : values;
    return proposed(close.filter((value) => this.#helps(finding, value)));
  }

  /** Of tiles, those that the layer allows: where other values are wrong, rules that say so are silent. */
  #legalHere(path: SpecPath, values: readonly Value[]): readonly Value[] {
    const legal = this.#tilesAt(path);
    if (legal === undefined || legal.length === 0) return values;
    return values.filter((value) => typeof value === "number" && legal.includes(value));
  }

  /** Legal tiles of the axis that a path names; undefined: it names none. */
  #tilesAt(path: SpecPath): readonly number[] | undefined {
    const several = severalOf(this.#spec.schedule) !== undefined;
    const axis = path[1] === "tiles" ? path[several ? 4 : 3] : undefined;
    const kind = several ? memberParts(String(path[3])).kind : this.#spec.schedule?.kind;
    const schedule = this.#using.schedules[kind];
    if (schedule === undefined || (axis !== "bt" && axis !== "bf" && axis !== "bd"))
      return undefined;
    return legalTiles(
      () =>
        schedule.axisRule(deviceLayer(this.#spec.layer, this.#spec.mesh), axis satisfies TileAxis)
          .legal,
    );
  }

  /** The spec with a value in the place of the one that is wrong: as it is, and as what it means. */
  #with(finding: Finding, value: Value): readonly MoeSpec[] {
    return [...new Set([value, literal(value)])].map((made) =>
      moe(withValue(this.#spec, finding.path, made) as MoeInput),
    );
  }

  /** Whether no rule has anything against a value; false, too, where enough was judged. */
  #passes(finding: Finding, value: Value): boolean {
    return this.#with(finding, value).some((spec) => this.#errors(finding, spec)?.length === 0);
  }

  /** Errors of a changed spec, and what was to be mended; undefined where enough was judged. Kernels
   * are lowered only where the other rules find nothing, or with `all`. */
  #errors(finding: Finding, spec: MoeSpec, all = false): readonly Finding[] | undefined {
    if (this.#left <= 0 || this.#kernels <= 0) return undefined;
    this.#left -= 1;
    // What is not predicted yet says nothing against a value.
    const wrong = (one: Finding): boolean => isError(one) && one.code !== UNDECIDED;
    const counts = (one: Finding): boolean => wrong(one) || isSame(one, finding);
    const ruled = judgeRules(spec, this.#using).findings.filter(counts);
    if (ruled.length > 0 && !all) return ruled;
    const { findings, lowered } = judge(spec, this.#using);
    this.#kernels -= lowered;
    return findings.filter(counts);
  }

  /** The value's own error is gone, and none is there that was not before. */
  #helps(finding: Finding, value: Value): boolean {
    const old = (one: Finding): boolean => this.#wrong.has(keyOf(one)) && !isSame(one, finding);
    return this.#with(finding, value).some((spec) => this.#errors(finding, spec, true)?.every(old));
  }

  #search(finding: Finding, old: number): readonly number[] {
    const found: number[] = [];
    for (const value of this.#around(finding.path, old)) {
      if (this.#passes(finding, value)) found.push(value);
      if (found.length === PROPOSED) break;
    }
    return found.sort((a, b) => a - b);
  }

  /** Values to try, the closest first: legal tiles of an axis, else round numbers. */
  #around(path: SpecPath, old: number): readonly number[] {
    const by = (a: number, b: number): number => Math.abs(a - old) - Math.abs(b - old) || a - b;
    const legal = this.#tilesAt(path);
    if (legal !== undefined) return legal.toSorted(by).slice(0, MOST_TRIED);
    const near = [1, 2, 4, 16, 64, 128, 256, 1024].flatMap((step) =>
      [-1, 0, 1, 2].map((more) => (Math.floor(old / step) + more) * step),
    );
    const powers = Array.from({ length: 14 }, (_, power) => 2 ** power);
    const others = [...new Set(numbersIn(this.#spec))].flatMap((one) => [one, 2 * one, 3 * one]);
    const all = [...new Set([...near, ...powers, ...others])];
    return all
      .filter((value) => Number.isSafeInteger(value) && value > 0 && value !== old)
      .sort(by)
      .slice(0, MOST_TRIED);
  }
}

/** None where the layer's own sizes are wrong. */
function legalTiles(legal: () => readonly number[]): readonly number[] {
  try {
    return legal();
  } catch (thrown) {
    if (thrown instanceof RangeError || thrown instanceof TypeError) return [];
    throw thrown;
  }
}

/** The findings with nearest values that pass; the order stays. */
export function withLegalValues(
  spec: MoeSpec,
  findings: readonly Finding[],
  using: Registries,
): readonly Finding[] {
  if (findings.every(({ nearest, code }) => nearest.length === 0 && code !== "MOE103")) {
    return findings;
  }
  const proposals = new Proposals(spec, findings, using);
  return findings.map((finding) => proposals.refined(finding));
}
