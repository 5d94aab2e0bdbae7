/** A kind of tree with the forms that were found in one tree: what is built into that one. */
import type { FileEdits } from "./edit.ts";
import type { Facts, Form, Tree } from "./tree.ts";

/** Paths that a build into any tree of the kind may edit. */
export function editedPaths({ edits, surfaces = [] }: Tree): readonly string[] {
  const forms = surfaces.flatMap((surface) => surface.forms);
  const every = [...edits, ...forms.flatMap((form) => form.edits)];
  return [...new Set(every.map(({ path }) => path))];
}

/** The tree of exactly these forms: their edits, their models, their facts in its files. */
export function withForms(kind: Tree, forms: readonly Form[]): Tree {
  const facts: Facts = Object.assign({}, ...forms.map((form) => form.facts ?? {}));
  const found = forms.flatMap(({ host }) => (host === undefined ? [] : [host]));
  const hosts = [...kind.hosts, ...found];
  return {
    ...kind,
    surfaces: [],
    hosts,
    edits: merged([...kind.edits, ...forms.flatMap(({ edits }) => edits)]),
    adapt: (layer) => kind.adapt(layer, facts),
    files: (kernels) => kind.files(kernels, facts, hosts),
  };
}

/** One list of edits a file, in order; what two forms do alike is done once. */
function merged(edits: readonly FileEdits[]): readonly FileEdits[] {
  const byPath = new Map<string, FileEdits["edits"]>();
  for (const { path, edits: more } of edits) {
    const known = byPath.get(path) ?? [];
    const said = new Set(known.map((edit) => JSON.stringify(edit)));
    byPath.set(path, [...known, ...more.filter((edit) => !said.has(JSON.stringify(edit)))]);
  }
  return [...byPath].map(([path, all]) => ({ path, edits: all }));
}
