/** Which of the known trees this is, by what it contains. */
import { withForms } from "../target/tree/forms.ts";
import { trees } from "../target/tree/registry.ts";
import type { Form, Tree, Varying } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";
import { type Before, type Mismatch, NO_FILE, Prober } from "./probes.ts";
import type { TreeWorker } from "./tree-worker.ts";

export type { Before };

/** A surface of a tree: the form of it that was found, or what its nearest form lacks. */
export interface Surfaced {
  readonly surface: Varying;
  readonly form?: Form;
  readonly lacking: readonly Mismatch[];
}

export interface Recognised {
  /** With the forms that were found. */
  readonly tree: Tree;
  readonly surfaces: readonly Surfaced[];
  /** Surfaces that have no known form and are left alone, one sentence each. */
  readonly remarks: readonly string[];
}

/**
 * The one tree whose probes all hold, and every needed surface of which has a known form. Throws
 * `IntoError` "unrecognised" where none or several do, with the surfaces of the nearest, what was
 * looked for and what was found.
 */
export async function recognise(
  before: Before,
  worker: TreeWorker,
  known: Readonly<Record<string, Tree>> = trees,
): Promise<Recognised> {
  const all = Object.values(known);
  const prober = new Prober(before, worker);
  await prober.look(all.flatMap(({ probes }) => probes));
  const judged = all.map((tree) => ({
    tree,
    mismatches: tree.probes.flatMap((probe) => prober.mismatches(probe)),
  }));
  const matching = judged.filter(({ mismatches }) => mismatches.length === 0);
  if (matching.length > 1) {
    const titles = matching.map(({ tree }) => tree.title).join(" and ");
    throw new IntoError("unrecognised", `this tree looks like ${titles}; nothing was written`);
  }
  const [only] = matching;
  if (only !== undefined) return found(only.tree, prober);
  const share = ({ tree, mismatches }: (typeof judged)[number]): number =>
    mismatches.length / tree.probes.length;
  const [nearest] = [...judged].sort((a, b) => share(a) - share(b));
  throw unrecognised(nearest?.tree, (nearest?.mismatches ?? []).map(said), all);
}

async function found(kind: Tree, prober: Prober): Promise<Recognised> {
  const surfaces = await surfacesOf(kind, prober);
  const missing = surfaces.filter(({ surface, form }) => surface.needed && form === undefined);
  if (missing.length > 0) throw unrecognised(kind, missing.flatMap(lacking), [kind]);
  const tree = withForms(
    kind,
    surfaces.flatMap(({ form }) => (form === undefined ? [] : [form])),
  );
  if (tree.hosts.length === 0) throw unrecognised(kind, surfaces.flatMap(lacking), [kind]);
  const remarks = surfaces
    .filter(({ form, lacking }) => form === undefined && !lacking.some(absent))
    .map(
      (one) => `${one.surface.what} left alone, in no form that moegen knows: ${lacking(one)[0]}`,
    );
  return { tree, surfaces, remarks };
}

async function surfacesOf(kind: Tree, prober: Prober): Promise<readonly Surfaced[]> {
  const surfaces = kind.surfaces ?? [];
  const forms = surfaces.flatMap((surface) => surface.forms);
  await prober.look(forms.flatMap(({ probes, edits }) => [...probes, ...edits]));
  return surfaces.map((surface) => {
    const judged = surface.forms.map((form) => ({
      form,
      lacking: [...form.probes, ...form.edits].flatMap((one) => prober.mismatches(one)),
    }));
    const fitting = judged.find((one) => one.lacking.length === 0);
    if (fitting !== undefined) return { surface, form: fitting.form, lacking: [] };
    const [nearest] = [...judged].sort((a, b) => a.lacking.length - b.lacking.length);
    return { surface, lacking: nearest?.lacking ?? [] };
  });
}

function lacking({ surface, form, lacking }: Surfaced): readonly string[] {
  if (form !== undefined) return [];
  return lacking.map((one) => `${surface.what}: ${said(one)}`);
}

/** A tree without the file has nothing that is left alone. */
function absent({ expected, found }: Mismatch): boolean {
  return expected === NO_FILE.expected && found === NO_FILE.found;
}

function said({ path, expected, found }: Mismatch): string {
  return `${path}: expected ${expected}; found ${found}`;
}

function unrecognised(
  nearest: Tree | undefined,
  lines: readonly string[],
  all: readonly Tree[],
): IntoError {
  return new IntoError(
    "unrecognised",
    `this is no tree that moegen knows, or one that was edited half-way; nothing was written\n` +
      `  nearest: ${nearest?.title ?? "none"}\n  ${lines.join("\n  ")}`,
    `give --into one of: ${all.map(({ title }) => title).join("; ")}`,
  );
}
