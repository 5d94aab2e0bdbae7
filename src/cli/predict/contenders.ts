/** Who is compared: the spec, published schedules by name, other specs by path. */
import type { Plan } from "../../plan/plan.ts";
import type { Call, Contender } from "../../predict/contender.ts";
import type { CompileOptions } from "../../runner/types.ts";
import { isUndecided } from "../../validate/undecided.ts";
import { UsageError } from "../failure.ts";
import type { Output } from "../output.ts";
import { type CheckedSpec, checkSpecs } from "../specs.ts";

/** Word for the spec's own kernel in `--compare`. */
export const OWN = "spec";
/** What a spec is compared with where nothing is named. */
export const BASELINE = "epmoe";

export type Choice =
  /** `schedule`: one of several, by its name. */
  | { readonly kind: "own"; readonly plan: Plan; readonly schedule?: string }
  /** A package of several that nothing decides yet: what would run a call is the fastest of them. */
  | { readonly kind: "fastest"; readonly name: string; readonly of: readonly Choice[] }
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
  { members, undecided }: Pick<CheckedSpec, "members" | "undecided">,
): Promise<readonly Choice[] | undefined> {
  const { publishedNames } = await import("../../predict/published/registry.ts");
  const choices: Choice[] = [];
  for (const name of names) {
    const member = members.find((one) => one.name === name);
    if (member !== undefined) {
      choices.push({ kind: "own", plan: member.plan, schedule: member.name });
    } else if (name === OWN || name === plan.name || name === plan.schedule) {
      const of = members.map(
        ({ name: schedule, plan }): Choice => ({ kind: "own", plan, schedule }),
      );
      choices.push(undecided ? { kind: "fastest", name: plan.name, of } : { kind: "own", plan });
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
      const kinds = members.map((one) => one.name);
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
  if (choice.kind === "fastest") {
    return (await able(choice.of, plan, { device, tokens })).length > 0;
  }
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
    if (choice.kind === "fastest") {
      found.push(
        await fastestOf(choice.name, await able(choice.of, plan, call), plan, call, options),
      );
      continue;
    }
    if (choice.kind === "own") {
      const own = ownKernel(choice.plan, call, await compiled(choice.plan, call, options));
      const { schedule } = choice;
      const title = `${choice.plan.name}, ${schedule} schedule`;
      found.push(schedule === undefined ? own : { ...own, name: schedule, title });
      continue;
    }
    const kernel = published.find(({ name }) => name === choice.name);
    if (kernel !== undefined) found.push(publishedKernel(kernel, plan, call));
  }
  return found;
}

/** What a package whose times are written would run. */
async function fastestOf(
  name: string,
  members: readonly Choice[],
  plan: Plan,
  call: Call,
  options: CompileOptions,
): Promise<Contender> {
  const { predict } = await import("../../predict/predict.ts");
  const all = (await contendersOf(members, plan, call, options)).map((contender) => {
    return { contender, seconds: predict(contender.request, contender.steps).seconds };
  });
  const [first, ...others] = all;
  if (first === undefined) throw new RangeError("some member runs each bucket");
  const { contender } = others.reduce((a, b) => (b.seconds < a.seconds ? b : a), first);
  return { ...contender, name, title: `${contender.title}, the fastest of ${all.length}` };
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
