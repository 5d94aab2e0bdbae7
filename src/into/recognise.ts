/** Which of the known trees this is, by what it contains. */
import { trees } from "../target/tree/registry.ts";
import type { Probe, Tree } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";
import type { Probed, TreeWorker } from "./tree-worker.ts";

/** The text of a file before moegen changed anything; nothing where there was none. */
export type Before = (path: string) => string | undefined;

interface Mismatch {
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/**
 * The one tree whose probes all hold. Throws `IntoError` "unrecognised" where none or several do,
 * with what the nearest expected and what was found.
 */
export async function recognise(
  before: Before,
  worker: TreeWorker,
  known: Readonly<Record<string, Tree>> = trees,
): Promise<Tree> {
  const all = Object.values(known);
  const judged = await judge(all, before, worker);
  const matching = judged.filter(({ mismatches }) => mismatches.length === 0);
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only.tree;
  if (matching.length > 1) {
    const titles = matching.map(({ tree }) => tree.title).join(" and ");
    throw new IntoError("unrecognised", `this tree looks like ${titles}; nothing was written`);
  }
  const [nearest] = [...judged].sort((a, b) => share(a) - share(b));
  const titles = all.map(({ title }) => title).join("; ");
  const lines = (nearest?.mismatches ?? []).map(
    ({ path, expected, found }) => `${path}: expected ${expected}; found ${found}`,
  );
  throw new IntoError(
    "unrecognised",
    `this is no tree that moegen knows, or one that was edited half-way; nothing was written\n` +
      `  nearest: ${nearest?.tree.title ?? "none"}\n  ${lines.join("\n  ")}`,
    `give --into one of: ${titles}`,
  );
}

interface Judged {
  readonly tree: Tree;
  readonly mismatches: readonly Mismatch[];
}

const share = ({ tree, mismatches }: Judged): number => mismatches.length / tree.probes.length;

async function judge(
  all: readonly Tree[],
  before: Before,
  worker: TreeWorker,
): Promise<readonly Judged[]> {
  const texts = new Map<string, string | undefined>();
  const symbols = new Map<string, Set<string>>();
  for (const { path, has = [], lacks = [] } of all.flatMap(({ probes }) => probes)) {
    texts.set(path, before(path));
    const wanted = symbols.get(path) ?? new Set();
    for (const symbol of [...has, ...lacks]) wanted.add(symbol);
    symbols.set(path, wanted);
  }
  const files = [...texts].flatMap(([path, text]) =>
    text === undefined ? [] : [{ path, text, symbols: [...(symbols.get(path) ?? [])] }],
  );
  const probed = new Map((await worker.probe(files)).map((one) => [one.path, one]));
  return all.map((tree) => ({
    tree,
    mismatches: tree.probes.flatMap((probe) => mismatchesOf(probe, probed.get(probe.path))),
  }));
}

function mismatchesOf(probe: Probe, probed: Probed | undefined): readonly Mismatch[] {
  const { path, has = [], lacks = [], absent } = probe;
  if (absent) return probed === undefined ? [] : [{ path, expected: "no such file", found: "it" }];
  if (probed === undefined) return [{ path, expected: "the file", found: "none" }];
  if (probed.broken !== undefined) {
    return [{ path, expected: "valid Python", found: probed.broken }];
  }
  const missing = probed.missing ?? {};
  return [
    ...has.flatMap((symbol) => {
      const near = missing[symbol];
      if (near === undefined) return [];
      return [{ path, expected: symbol, found: near.join(", ") || "no symbol" }];
    }),
    ...lacks.flatMap((symbol) =>
      symbol in missing ? [] : [{ path, expected: `no ${symbol}`, found: symbol }],
    ),
  ];
}
