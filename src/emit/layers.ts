/** A package of several kinds of layers: one entry point, a package for each kind, what they have alike once. */
import { headerContext, layerContext } from "../kernel/api/context.ts";
import type { KindPlan, LayersPlan } from "../plan/layers.ts";
import type { Plan } from "../plan/plan.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { indicesText, stretches } from "../spec/layers.ts";
import { shareAlike } from "./common.ts";
import { optionNames } from "./compiler-options.ts";
import { filesOf } from "./files.ts";
import { formatPython } from "./format.ts";
import { type Origin, withHeader } from "./header.ts";
import { withImports } from "./imports.ts";
import { COMMON, LAYERS_MODULE } from "./layer-names.ts";
import { initContext } from "./package.ts";
import { pyDocText, pyString } from "./python.ts";
import { rendered } from "./rendered.ts";
import { render } from "./templates.ts";

/** Templates of the package's own modules, beside those of its kernels. */
export const LAYER_TEMPLATES = {
  init: "layers/init",
  layers: "layers/layers",
  common: "layers/common_init",
  kind: "layers/kind_init",
} as const;

/**
 * Path below the output folder → text, in a fixed order; the same bytes on any machine.
 *
 * @param origin what the files' headers name; absent: the package is for one run
 */
export async function emitLayers(
  model: LayersPlan,
  origin?: Origin,
): Promise<ReadonlyMap<string, string>> {
  const { name, kinds } = model;
  const made = kinds.map((kind) => {
    // In the package all are the model's: what the kinds have alike names none of them.
    const plan = { ...kind.plan, name };
    return rendered(plan, filesIn(kind, plan));
  });
  const formatted = made.map(
    (texts) => new Map([...texts].map(([file, text]) => [file, formatPython(text)])),
  );
  const shared = shareAlike(
    formatted,
    (module) => `"""What all kinds of layers of ${name} have alike of \`${module}\`."""`,
  );
  const context = layersContext(model);
  const files: [string, string][] = [
    ["__init__.py", render(LAYER_TEMPLATES.init, context)],
    [`${LAYERS_MODULE}.py`, render(LAYER_TEMPLATES.layers, context)],
  ];
  if (shared.common.size > 0) {
    files.push([`${COMMON}/__init__.py`, render(LAYER_TEMPLATES.common, context)]);
    for (const [file, text] of withImports(shared.common)) files.push([`${COMMON}/${file}`, text]);
  }
  const beside = { folder: COMMON, modules: shared.common };
  for (const [index, { kind }] of kinds.entries()) {
    const own = withImports(shared.kinds[index] ?? new Map(), new Map(), beside);
    for (const [file, text] of own) files.push([`${kind}/${file}`, titled(text, kind, name)]);
  }
  return new Map(
    files.map(([file, text]): [string, string] => [
      `${name}/${file}`,
      withHeader(formatPython(text), origin),
    ]),
  );
}

/** A kind's module; its docstring, in which the package alone stands, names the kind as well. */
function titled(text: string, kind: string, name: string): string {
  const end = text.indexOf('"""', 3);
  if (!text.startsWith('"""') || end < 0) return text;
  const docstring = text
    .slice(0, end)
    .replace(new RegExp(`${name}\\s+kernel\\b`), `${name} kernel of ${kind} layers`)
    .replace(
      new RegExp(`mixture of experts for\\s+${name}`),
      `mixture of experts for ${kind} layers of ${name}`,
    );
  return docstring + text.slice(end);
}

/** The modules that a kind's own package has, with a docstring of the kind. */
function filesIn({ kind, at }: KindPlan, plan: Plan): readonly PackageFile[] {
  return filesOf(plan).map((file) =>
    file.file === "__init__.py"
      ? {
          ...file,
          template: LAYER_TEMPLATES.kind,
          context: (of) => ({ ...initContext(of), kind, indices: indicesText(at) }),
        }
      : file,
  );
}

/** What the package's own modules say. */
function layersContext({ name, source, kinds }: LayersPlan): Record<string, unknown> {
  const names = kinds.map(({ kind }) => kind);
  const [first] = kinds;
  if (first === undefined) throw new RangeError(`${name} has no kind of layers`);
  const { reference } = first.plan.emit;
  const exports = ["KINDS", "LAYERS"];
  // One program has all layers, so that each kind's options are all layers'.
  const withOptions = kinds.filter(({ plan }) => optionNames(plan).length > 0);
  if (withOptions.length > 0) exports.push("compiler_options");
  exports.push("fused_ep_moe", "kind_of");
  if (reference) exports.push("reference_moe");
  const { hidden, dtype } = first.plan.layer;
  return {
    name,
    source: pyDocText(source ?? ""),
    reference,
    optionKinds: withOptions
      .map(({ kind }) => `${kind}, `)
      .join("")
      .trim(),
    hidden,
    dtype,
    exports,
    names: exports.join(", "),
    modules: names.toSorted().join(", "),
    kindsText: `those of ${names.join(", ")} layers`,
    kindItems: names.map((kind) => `${pyString(kind)}: ${kind}`).join(", "),
    indices: indicesText(kinds.flatMap(({ at }) => at)),
    kinds: kinds.map(({ kind, at, plan, notes = [] }) => ({
      kind,
      text: [
        `${kind}, layers ${indicesText(at)}:\n${headerContext(plan).layerLine}`,
        // What is to be done for the layers of all kinds is nothing that tells them apart.
        ...notes
          .filter((note) => !kinds.every((one) => one.notes?.includes(note)))
          .map((note) => `${note.charAt(0).toUpperCase()}${pyDocText(note.slice(1))}.`),
      ].join("\n\n"),
      arrayArguments: layerContext(plan).arrayArguments,
    })),
    stretches: kinds.flatMap(({ kind, at }) => rangesOf(at).map((range) => ({ kind, range }))),
  };
}

/** Indices as Python has them: one range where they are equally far apart, else their stretches. */
function rangesOf(at: readonly number[]): readonly string[] {
  const [first = 0, second = first + 1] = at;
  const step = second - first;
  const even = at.every((index, place) => index === first + place * step);
  if (even && step > 1) return [`range(${first}, ${(at.at(-1) ?? first) + 1}, ${step})`];
  return stretches(at).map(([from, to]) => `range(${from}, ${to + 1})`);
}
