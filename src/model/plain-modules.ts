/**
 * Which experts a checkpoint leaves as they are: lists such as `ignore` name modules plainly
 * ("lm_head"), with wildcards ("model.layers.0*") or by expression ("re:.*mlp.experts.*"). Each is
 * tried on the names that the model's experts have, layer by layer.
 * Sources: compressed-tensors, utils/match.py; modelopt, export (exclude_modules, fnmatch);
 * transformers, quantizers/quantizers_utils.py (modules_to_not_convert).
 */

import { MOST_LAYERS } from "../spec/layers.ts";

/** What the names are made of. */
export interface ExpertModules {
  /** The module of a layer that holds its experts, e.g. "mlp"; "": the layer itself. */
  readonly container: string;
  readonly experts: number;
  /** Layers in all, where the config counts them. */
  readonly layers?: number | undefined;
  /** Whether a layer has experts. */
  readonly sparse: (layer: number) => boolean;
}

export type Extent = "none" | "all";

export type PlainModules =
  | { readonly routed: Extent; readonly shared: Extent }
  /** In words that go on after "has". */
  | { readonly refused: string };

/** Wildcards of one pattern: more would take time without end, and nobody writes them. */
const MOST_WILDCARDS = 6;
const MOST_LENGTH = 300;

const PROJECTIONS = [
  ["gate_proj", "up_proj", "down_proj"],
  ["w1", "w2", "w3"],
] as const;
const STACKED = ["gate_up_proj", "down_proj"] as const;

interface Wild {
  readonly pattern: string;
  /** What a name must begin with. */
  readonly start: string;
  readonly test: RegExp;
}

class Matcher {
  readonly #plain: ReadonlySet<string>;
  readonly #wild: readonly Wild[];
  /** Patterns that some name met. */
  readonly used = new Set<string>();

  constructor(plain: readonly string[], wild: readonly Wild[]) {
    this.#plain = new Set(plain);
    this.#wild = wild;
  }

  /** Whether a pattern names the module or one that it lies in. */
  hits(name: string): boolean {
    const parts = name.split(".");
    let found = false;
    const note = (pattern: string): void => {
      this.used.add(pattern);
      found = true;
    };
    for (let from = 0; from < parts.length; from++) {
      for (let to = from + 1; to <= parts.length; to++) {
        const part = parts.slice(from, to).join(".");
        if (this.#plain.has(part)) note(part);
      }
    }
    const around = parts.map((_, index) => parts.slice(0, index + 1).join("."));
    for (const { pattern, start, test } of this.#wild) {
      if (name.startsWith(start) && around.some((one) => test.test(one))) note(pattern);
    }
    return found;
  }
}

/** Undefined: not an expression whose meaning, and whose time, is plain. */
function wildOf(pattern: string): Wild | undefined {
  const wildcards = pattern.match(/[*+?{]/g)?.length ?? 0;
  if (pattern.length > MOST_LENGTH || wildcards > MOST_WILDCARDS) return undefined;
  if (!pattern.startsWith("re:")) {
    if (/[[\]]/.test(pattern)) return undefined;
    const source = pattern
      .replace(/[.+^${}()|\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    const start = pattern.slice(0, pattern.search(/[*?]/));
    return { pattern, start, test: new RegExp(`^${source}$`) };
  }
  // A group that repeats may take time without end; (?… is not the same in Python.
  if (/\)[*+?{]|\(\?/.test(pattern)) return undefined;
  try {
    return { pattern, start: "", test: new RegExp(`^(?:${pattern.slice(3)})`) };
  } catch {
    return undefined;
  }
}

const numbersIn = (patterns: readonly string[], after: RegExp): readonly number[] =>
  patterns.flatMap((pattern) => {
    const found = after.exec(pattern)?.[1];
    return found === undefined ? [] : [Number(found)];
  });

const LAYER = /layers\\?\.(\d{1,4})(?![\d*])/;
const EXPERT = /experts\\?\.(\d{1,5})(?![\d*])/;
/** Routed experts by name. */
const ROUTED = /(?<!shared_)experts/;

/** Names of one layer's experts, one list for each way in which checkpoints name them. */
function namesOf(
  at: string,
  experts: readonly number[],
): {
  readonly routed: readonly (readonly string[])[];
  readonly shared: readonly (readonly string[])[];
} {
  const routed = PROJECTIONS.map((projections) =>
    experts.flatMap((expert) => projections.map((name) => `${at}.experts.${expert}.${name}`)),
  );
  const stacked = STACKED.map((name) => `${at}.experts.${name}`);
  const shared = ["shared_experts", "shared_expert"].map((module) =>
    PROJECTIONS[0].map((name) => `${at}.${module}.${name}`),
  );
  return { routed: [...routed, stacked], shared };
}

/** Of one layer: all of its names in one of the ways, none in any, or some. */
function extentOf(ways: readonly (readonly string[])[], matcher: Matcher): Extent | "some" {
  const hits = ways.map((names) => names.map((name) => matcher.hits(name)));
  if (hits.some((way) => way.every(Boolean))) return "all";
  return hits.some((way) => way.some(Boolean)) ? "some" : "none";
}

/** How much of the model's experts the patterns name. */
export function plainModules(patterns: readonly string[], modules: ExpertModules): PlainModules {
  const plain = patterns.filter((pattern) => !/^re:|[*?]/.test(pattern));
  const wild: Wild[] = [];
  for (const pattern of patterns) {
    if (plain.includes(pattern)) continue;
    const made = wildOf(pattern);
    if (made === undefined) return { refused: `the pattern ${JSON.stringify(pattern)}` };
    wild.push(made);
  }
  const matcher = new Matcher(plain, wild);
  const named = numbersIn(patterns, LAYER);
  const count = Math.min(MOST_LAYERS, modules.layers ?? Math.max(0, ...named) + 2);
  const layers = Array.from({ length: count }, (_, layer) => layer).filter(modules.sparse);
  const last = Math.max(0, modules.experts - 1);
  const experts = [...new Set([0, last, ...numbersIn(patterns, EXPERT).filter((e) => e <= last)])];
  const found = { routed: new Set<Extent | "some">(), shared: new Set<Extent | "some">() };
  for (const layer of layers) {
    const inside = modules.container === "" ? "" : `.${modules.container}`;
    const names = namesOf(`model.layers.${layer}${inside}`, experts);
    found.routed.add(extentOf(names.routed, matcher));
    found.shared.add(extentOf(names.shared, matcher));
  }
  for (const kind of ["routed", "shared"] as const) {
    if (found[kind].size <= 1 && !found[kind].has("some")) continue;
    const one = [...matcher.used].find((pattern) => ROUTED.test(pattern) === (kind === "routed"));
    const which = one ?? [...matcher.used][0] ?? "";
    const what = kind === "routed" ? "experts" : "shared experts";
    return { refused: `some of its ${what} left as they are (${which})` };
  }
  const lost = patterns.find(
    (pattern) => ROUTED.test(pattern) && !matcher.used.has(pattern) && !elsewhere(pattern, layers),
  );
  if (lost !== undefined) return { refused: `experts named otherwise than here (${lost})` };
  const extent = (kind: "routed" | "shared"): Extent => (found[kind].has("all") ? "all" : "none");
  return { routed: extent("routed"), shared: extent("shared") };
}

/** Of a layer that is not one of these: a dense one, or one that predicts further tokens. */
function elsewhere(pattern: string, layers: readonly number[]): boolean {
  const [layer] = numbersIn([pattern], LAYER);
  return /\bmtp\b/.test(pattern) || (layer !== undefined && !layers.includes(layer));
}
