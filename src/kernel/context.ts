/** What the templates of a kernel say, and its modules, from its parts. */
import { pyTuple } from "../emit/python.ts";
import type { Plan } from "../plan/plan.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { layerContext } from "./api/context.ts";
import type { KernelInput } from "./frame.ts";
import { type Composition, declareBuffers, declareSemaphores } from "./part.ts";

export type Context = Readonly<Record<string, unknown>>;

/**
 * The block that stands under each name in a plan, as the parts chose.
 *
 * @throws RangeError where two parts answer to one name.
 */
export function blocksOf({ parts }: Composition, plan: Plan): Readonly<Record<string, string>> {
  const chosen = parts.flatMap((part) => Object.entries(part.blocks?.(plan) ?? {}));
  const names = chosen.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new RangeError(`two parts choose the block ${twice}`);
  return Object.fromEntries(chosen);
}

/**
 * Plain data for all modules: facts of the layer, what each part adds, and the declarations, whose
 * texts are the same for every kernel of a plan.
 */
export function contextOf(composition: Composition, plan: Plan, input: KernelInput): Context {
  const added = composition.parts.map((part) => part.context?.(plan) ?? {});
  const declared = declareBuffers(composition, input).map(
    ({ name, space, dims, dtypeText, meaning }) => ({
      name,
      space,
      dtypeText,
      meaning,
      python: pyTuple(dims.map(([text]) => text)),
    }),
  );
  return {
    ...layerContext(plan),
    ...Object.assign({}, ...added),
    blocks: blocksOf(composition, plan),
    buffers: declared,
    // Outputs of the call, and what it allots itself.
    hbmBuffers: declared.filter(({ space }) => space === "HBM"),
    scratchBuffers: declared.filter(({ space }) => space !== "HBM"),
    semaphores: declareSemaphores(composition, input)
      .filter(({ kind }) => kind === "dma")
      .map(({ name, count }) => ({ name, python: count[0] })),
  };
}

/** The modules of all parts by name. */
export function modulesOf(
  { parts }: Composition,
  plan: Plan,
  context: (plan: Plan) => Context,
): readonly PackageFile[] {
  return parts
    .flatMap((part) => part.modules?.(plan) ?? [])
    .map(({ name, template, more }) => ({
      file: `${name}.py`,
      template,
      context: (of: Plan) => {
        const common = context(of);
        return { ...common, ...more?.(of, common) };
      },
    }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}
