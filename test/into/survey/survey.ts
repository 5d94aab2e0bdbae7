/** One version of sgl-jax: built into, checked, reverted. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-nodejs";
import { checkFile } from "../../../src/check/index.ts";
import { emitPlan } from "../../../src/cli/built-cache.ts";
import { buildInto, revertInto } from "../../../src/into/build.ts";
import type { Remember } from "../../../src/into/desired.ts";
import { IntoError } from "../../../src/into/errors.ts";
import { STORE } from "../../../src/into/paths.ts";
import type { MoeSpec } from "../../../src/spec/spec.ts";
import { editedPaths } from "../../../src/target/tree/forms.ts";
import { trees } from "../../../src/target/tree/registry.ts";
import { contents } from "../contents.ts";
import type { Version } from "./versions.ts";

export interface Surveyed {
  readonly version: string;
  readonly date?: string;
  /** Title of the tree that it is; absent where it is refused. */
  readonly tree?: string;
  /** Models of it that can use a generated kernel. */
  readonly models: readonly string[];
  /** Back ends of the server's flag that a build adds. */
  readonly built: boolean;
  /** A second build finds nothing to do. */
  readonly checked: boolean;
  /** Byte for byte as before. */
  readonly reverted: boolean;
  /** Names in files that were written or edited that nothing defines, which the tree had not: "file: name". */
  readonly undefined: readonly string[];
  /** Why it is refused: the surface, what was looked for, what was found. */
  readonly refused?: string;
  /** Surfaces left alone. */
  readonly remarks: readonly string[];
}

/** Files that any tree probes, edits or makes. */
const PATHS: readonly string[] = [
  ...new Set(
    Object.values(trees).flatMap((tree) => [
      ...tree.probes.map(({ path }) => path),
      ...(tree.surfaces ?? []).flatMap(({ forms }) =>
        forms.flatMap(({ probes }) => probes.map(({ path }) => path)),
      ),
      ...editedPaths(tree),
      ...tree.files([]).map(({ path }) => path),
      tree.kernelFolder,
    ]),
  ),
];

const SPEC = `import { moe } from "moegen";

export default moe({
  name: "tiny_qwen3_moe_bf16_ep4",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 256,
    intermediate: 256,
    activation: "silu",
    dtype: "bfloat16",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 256, bd: 256 } } },
});
`;

let spec: Promise<{ readonly path: string; readonly spec: MoeSpec }> | undefined;

async function loadSpec(): Promise<{ readonly path: string; readonly spec: MoeSpec }> {
  const folder = mkdtempSync(join(tmpdir(), "moegen-survey-"));
  const path = join(folder, "tiny.moe.ts");
  writeFileSync(path, SPEC);
  const { loaded } = await checkFile(path);
  rmSync(folder, { recursive: true });
  if (loaded === undefined) throw new Error("the survey's own spec does not load");
  return { path, spec: loaded.spec };
}

const known = new Map<string, ReadonlyMap<string, string>>();

/** Formatted and edited files follow from what goes in: those of two versions are often the same. */
const remember: Remember = async (input, make) => {
  const files = known.get(input) ?? (await make());
  known.set(input, files);
  return files;
};

const lint = new Workspace({ lint: { select: ["F821"] } }, PositionEncoding.Utf16);

/** Names that nothing defines: an import that is missing breaks a tree when it starts. */
function undefinedNames(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): readonly string[] {
  const found = (text: string): readonly string[] =>
    (lint.check(text) as readonly { readonly message: string }[]).map(({ message }) => message);
  return [...now].flatMap(([path, text]) => {
    const was = before.get(path);
    if (!path.endsWith(".py") || path.startsWith(STORE) || was === text) return [];
    const own = new Set(was === undefined ? [] : found(was));
    return found(text)
      .filter((message) => !own.has(message))
      .map((message) => `${path}: ${message}`);
  });
}

/** Works on a copy of the version, gone afterwards. Rejects only where moegen itself breaks. */
export async function survey(version: Version): Promise<Surveyed> {
  const into = mkdtempSync(join(tmpdir(), "moegen-survey-"));
  const common = { version: version.name, ...(version.date && { date: version.date }) };
  try {
    await version.into(into, PATHS);
    const before = contents(into);
    spec ??= loadSpec();
    const options = { into, handEdits: "stop", version: "survey", remember } as const;
    const build = {
      ...options,
      specs: [await spec],
      allowDirty: true,
      emit: emitPlan,
    };
    const result = await buildInto({ ...build, preview: false });
    const again = await buildInto({ ...build, preview: true });
    const nowhere = undefinedNames(before, contents(into));
    await revertInto({ ...options, preview: false });
    const after = contents(into);
    const same = [...before].every(([path, text]) => after.get(path) === text);
    return {
      ...common,
      ...(result.tree && { tree: result.tree.title }),
      models: (result.tree?.hosts ?? []).map(({ title }) => title),
      built: true,
      checked: again.files.every(({ state }) => state === "unchanged"),
      reverted: same && after.size === before.size,
      undefined: nowhere,
      remarks: result.remarks
        .filter(({ name }) => name !== "tiny_qwen3_moe_bf16_ep4")
        .map(({ text }) => text),
    };
  } catch (error) {
    if (!(error instanceof IntoError)) throw error;
    const refused = error.message;
    return {
      ...common,
      models: [],
      built: false,
      checked: false,
      reverted: false,
      undefined: [],
      refused,
      remarks: [],
    };
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

/** Versions in a row with the same outcome are one line. */
export function table(surveyed: readonly Surveyed[]): string {
  const rows: { first: Surveyed; last: Surveyed; count: number; said: string }[] = [];
  for (const one of surveyed) {
    const row = rows.at(-1);
    const said = outcome(one);
    if (row?.said === said && row.first.date !== undefined) {
      row.last = one;
      row.count += 1;
    } else {
      rows.push({ first: one, last: one, count: 1, said });
    }
  }
  const label = ({ version, date }: Surveyed): string =>
    date ? `${date} \`${version}\`` : version;
  const lines = rows.map(({ first, last, count, said }) => {
    const span = first === last ? label(first) : `${label(first)} to ${label(last)}`;
    return `| ${span} | ${count} | ${said} |`;
  });
  const otherwise = surveyed.some((one) => why(one) !== "");
  const header = ["version", "tried", "models", "built", "checked", "reverted"];
  const columns = otherwise ? [...header, "otherwise"] : header;
  return [
    `| ${columns.join(" | ")} |`,
    `| ${columns.map(() => "---").join(" | ")} |`,
    ...lines.map((line) => (otherwise ? line : line.replace(/ {2}\|$/, ""))),
  ].join("\n");
}

function outcome(one: Surveyed): string {
  const { models, built, checked, reverted } = one;
  const word = (value: boolean): string => (value ? "yes" : "no");
  const said = [models.join(", ") || "none", word(built), word(checked), word(reverted), why(one)];
  return said.join(" | ");
}

function why({ refused, undefined: names, remarks }: Surveyed): string {
  const said = refused ?? [...names, ...remarks].join(" ");
  return said.split("\n").slice(0, 4).join(" ").replaceAll("|", "\\|");
}
