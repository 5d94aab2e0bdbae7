/** Looking into the files of a tree: each is read once, whatever is looked for in it. */
import type { Edit, ExpressionAnchor, FileEdits, StatementAnchor } from "../target/tree/edit.ts";
import type { Probe } from "../target/tree/tree.ts";
import type { Misplaced, Probed, TreeWorker } from "./tree-worker.ts";

/** The text of a file before moegen changed anything; nothing where there was none. */
export type Before = (path: string) => string | undefined;

export interface Mismatch {
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/** What is said of a file that is not there. */
export const NO_FILE = { expected: "the file", found: "none" } as const;

type Place = StatementAnchor | ExpressionAnchor;

/** What a probe, or a list of edits, looks for in a file. */
type Looked = Probe | FileEdits;

/** `look` asks the worker; after it, `mismatches` of what was looked for says what is otherwise. */
export class Prober {
  readonly #before: Before;
  readonly #worker: TreeWorker;
  readonly #texts = new Map<string, string | undefined>();
  readonly #broken = new Map<string, string>();
  readonly #missing = new Map<string, readonly string[] | undefined>();
  readonly #misplaced = new Map<string, Misplaced | null>();

  constructor(before: Before, worker: TreeWorker) {
    this.#before = before;
    this.#worker = worker;
  }

  async look(all: readonly Looked[]): Promise<void> {
    const asked = new Map<string, { symbols: Set<string>; places: Map<string, Place> }>();
    for (const one of all) {
      const { path } = one;
      if (!this.#texts.has(path)) this.#texts.set(path, this.#before(path));
      const { symbols, places } = asked.get(path) ?? { symbols: new Set(), places: new Map() };
      for (const symbol of symbolsOf(one)) symbols.add(symbol);
      for (const place of [...placesOf(one), ...nowhereOf(one)])
        places.set(key(path, place), place);
      asked.set(path, { symbols, places });
    }
    const files = [...asked].flatMap(([path, { symbols, places }]) => {
      const text = this.#texts.get(path);
      const sought = { path, symbols: [...symbols], places: [...places.values()] };
      return text === undefined ? [] : [{ ...sought, text }];
    });
    for (const probed of await this.#worker.probe(files)) {
      this.#keep(
        probed,
        files.find(({ path }) => path === probed.path) ?? { symbols: [], places: [] },
      );
    }
  }

  #keep(
    { path, broken, missing = {}, places = [] }: Probed,
    asked: { readonly symbols: readonly string[]; readonly places: readonly Place[] },
  ): void {
    if (broken !== undefined) this.#broken.set(path, broken);
    for (const symbol of asked.symbols) this.#missing.set(`${path} ${symbol}`, missing[symbol]);
    asked.places.forEach((place, index) => {
      this.#misplaced.set(key(path, place), places[index] ?? null);
    });
  }

  mismatches(one: Looked): readonly Mismatch[] {
    const { path } = one;
    const there = this.#texts.get(path) !== undefined;
    if ("absent" in one) return there ? [{ path, expected: "no such file", found: "it" }] : [];
    if (!there) return [{ path, ...NO_FILE }];
    const broken = this.#broken.get(path);
    if (broken !== undefined) return [{ path, expected: "valid Python", found: broken }];
    const lacks = "edits" in one ? [] : (one.lacks ?? []);
    const near = (symbol: string): readonly string[] | undefined =>
      this.#missing.get(`${path} ${symbol}`);
    return [
      ...symbolsOf(one)
        .filter((symbol) => !lacks.includes(symbol))
        .flatMap((symbol) => {
          const others = near(symbol);
          if (others === undefined) return [];
          return [{ path, expected: symbol, found: others.join(", ") || "no symbol" }];
        }),
      ...lacks.flatMap((symbol) =>
        near(symbol) === undefined ? [{ path, expected: `no ${symbol}`, found: symbol }] : [],
      ),
      ...placesOf(one).flatMap((place) => {
        const why = this.#misplaced.get(key(path, place));
        if (why === undefined || why === null) return [];
        return [{ path, expected: shown(place), found: why.found.join("; ") || why.problem }];
      }),
      ...nowhereOf(one).flatMap((place) => {
        const why = this.#misplaced.get(key(path, place));
        if (why !== undefined && why !== null && !why.problem.includes("expected one")) return [];
        return [{ path, expected: `no ${shown(place)}`, found: "it" }];
      }),
    ];
  }
}

function symbolsOf(one: Looked): readonly string[] {
  if (!("edits" in one)) return [...(one.has ?? []), ...(one.lacks ?? [])];
  return one.edits.flatMap((edit) => {
    if (edit.edit === "parameter") {
      return [edit.after === undefined ? edit.function : `${edit.function}(${edit.after})`];
    }
    return edit.edit === "append" && edit.in !== undefined ? [edit.in] : [];
  });
}

function placesOf(one: Looked): readonly Place[] {
  if (!("edits" in one)) return [];
  return one.edits.flatMap((edit: Edit) => ("at" in edit ? [edit.at] : []));
}

function nowhereOf(one: Looked): readonly Place[] {
  return "edits" in one ? [] : (one.nowhere ?? []);
}

const key = (path: string, place: Place): string => `${path} ${JSON.stringify(place)}`;

function shown(place: Place): string {
  const [head = ""] = ("statement" in place ? place.statement : place.expression).split("\n");
  return place.in === undefined ? `\`${head}\`` : `\`${head}\` in ${place.in}`;
}
