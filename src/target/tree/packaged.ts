/** A tree as PyPI has it: the package alone, without the folder `python/` and what is beside it. */
import type { FileEdits } from "./edit.ts";
import type { Form, Probe, Tree } from "./tree.ts";

const SOURCES = "python/";

/**
 * The kind of a checkout, laid out as its package: tests and benchmarks outside of the package are
 * left out. `name` and `title` are the package's own.
 */
export function packaged(checkout: Tree, name: string, title: string): Tree {
  const form = (one: Form): Form => ({
    ...one,
    probes: one.probes.flatMap(inside<Probe>),
    edits: one.edits.flatMap(inside<FileEdits>),
  });
  return {
    ...checkout,
    name,
    title,
    probes: checkout.probes.flatMap(inside<Probe>),
    kernelFolder: checkout.kernelFolder.slice(SOURCES.length),
    edits: checkout.edits.flatMap(inside<FileEdits>),
    files: (...given) => checkout.files(...given).flatMap(inside),
    surfaces: (checkout.surfaces ?? [])
      .filter(({ forms }) =>
        forms.every(({ edits, probes }) =>
          [...edits, ...probes].every(({ path }) => path.startsWith(SOURCES)),
        ),
      )
      .map((surface) => {
        const [first, ...others] = surface.forms;
        return { ...surface, forms: [form(first), ...others.map(form)] };
      }),
  };
}

/** With its path in the package; nothing where it is outside. */
function inside<T extends { readonly path: string }>(one: T): readonly T[] {
  return one.path.startsWith(SOURCES) ? [{ ...one, path: one.path.slice(SOURCES.length) }] : [];
}
