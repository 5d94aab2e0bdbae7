/** Who is compared: the spec, published schedules by name, other specs by path. */
import type { Member } from "../../check/index.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Call, Contender } from "../../predict/contender.ts";
import type { CompileOptions } from "../../runner/types.ts";
import { isUndecided } from "../../validate/undecided.ts";
import { UsageError } from "../failure.ts";
import type { Output } from "../output.ts";
import { checkSpecs } from "../specs.ts";

/** Word for the spec's own kernel in `--compare`. */
export const OWN = "spec";
/** What a spec is compared with where nothing is named. */
export const BASELINE = "epmoe";

export type Choice =
  /** `schedule`: one of several, by its kind. */
  | { readonly kind: "own"; readonly plan: Plan; readonly schedule?: string }
  | { readonly kind: "published"; readonly name: string };

/**
 * What `--against` names: the plan itself, a published kernel, or another spec, which is checked;
 * undefined where that does not check, as it has said so. Throws UsageError for a name that is
 * neither a schedule nor a spec.
 */
export async function choose(
  names: readonly string[],
  plan: Plan,
  out: Output,
  members: readonly Member[] = [],
): Promise<readonly Choice[] | undefined> {
  const { publishedNames } = await import("../../predict/published/registry.ts");
  const choices: Choice[] = [];
  for (const name of names) {
    const member = members.find(({ kind }) => kind === name);
    if (member !== undefined) {
      choices.push({ kind: "own", plan: member.plan, schedule: member.kind });
    } else if (name === OWN || name === plan.name || name === plan.schedule) {
      choices.push({ kind: "own", plan });
    } else if (publishedNames.includes(name)) {
      if (plan.mesh.tp !== undefined) {
        throw new UsageError(
          `${name} is predicted for experts that a device has whole: not at tp ${plan.mesh.tp}`,
        );
      }
      choices.push({ kind: "published", name });
    } else if (/\.(ts|js|mjs)$/.test(name)) {
      const checked = await checkSpecs([name], out);
      const [model] = checked.layers;
      if (model !== undefined) {
        const kinds = model.kinds.map(({ kind }) => kind.kind).join(", ");
        throw new UsageError(`${name} has layers (${kinds}): what is compared is one layer`);
      }
      const other = checked.specs[0]?.plan;
      if (!checked.ok || other === undefined) return undefined;
      choices.push({ kind: "own", plan: other });
    } else {
      const kinds = members.map(({ kind }) => kind);
      const known = [OWN, ...kinds, ...publishedNames].join(", ");
      throw new UsageError(`nothing to compare is called ${name}; known: ${known}, or a spec file`);
    }
  }
  return choices;
}

/** Those that have tiles for a call: one of several schedules may have none for a bucket. */
export async function able(
  choices: readonly Choice[],
  plan: Plan,
  call: Pick<Call, "device" | "tokens">,
): Promise<readonly Choice[]> {
  const can = await Promise.all(choices.map((choice) => canRun(choice, plan, call)));
  return choices.filter((_, at) => can[at]);
}

async function canRun(
  choice: Choice,
  plan: Plan,
  { device, tokens }: Pick<Call, "device" | "tokens">,
): Promise<boolean> {
  if (choice.kind !== "own" || choice.schedule === undefined) return true;
  const { kernelFor } = await import("../../lower/lower.ts");
  const bucketOf = (of: Plan): string | undefined => kernelFor(of, device, tokens)?.bucket;
  return bucketOf(choice.plan) === bucketOf(plan);
}

/** Contenders of one call; kernels of specs are compiled first, as their bundles are the compiler's. */
export async function contendersOf(
  choices: readonly Choice[],
  plan: Plan,
  call: Call,
  options: CompileOptions,
): Promise<readonly Contender[]> {
  const { ownKernel, publishedKernel } = await import("../../predict/contender.ts");
  const { published } = await import("../../predict/published/registry.ts");
  const found: Contender[] = [];
  for (const choice of choices) {
    if (choice.kind === "own") {
      const own = ownKernel(choice.plan, call, await compiled(choice.plan, call, options));
      found.push(choice.schedule === undefined ? own : { ...own, name: choice.schedule });
      continue;
    }
    const kernel = published.find(({ name }) => name === choice.name);
    if (kernel !== undefined) found.push(publishedKernel(kernel, plan, call));
  }
  return found;
}

async function compiled(plan: Plan, { device, tokens }: Call, options: CompileOptions) {
  const { compileSpec } = await import("../../runner/index.ts");
  const target = { ...options, devices: [device], tokens: [tokens], workers: 1 };
  const [result] = (await compileSpec(plan, target)).targets;
  if (result?.bundles) return result.bundles;
  const { failure } = result ?? {};
  const why = failure?.message.split("\n")[0] ?? "the compiler gave no schedule";
  const what = `${plan.name} on ${device} at T = ${tokens}`;
  const not = isUndecided(failure?.kind) ? "was not compiled" : "does not compile";
  throw new PredictionError(`${what} ${not}: ${why}`, failure?.kind);
}

/** A kernel that cannot be predicted: a result of the command, and no fault of moegen. */
export class PredictionError extends Error {
  override readonly name = "PredictionError";
  /** Of the compiler's failure, where there is one. */
  readonly kind: string | undefined;

  constructor(message: string, kind: string | undefined) {
    super(message);
    this.kind = kind;
  }
}
