/** `moegen validate SPEC --mutants`. */

import { defined } from "../../spec/defined.ts";
import {
  type MutantFamily,
  type MutantOptions,
  mutantFamilies,
} from "../../validate/mutants/types.ts";
import { type Outcome, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { mutantsReport } from "../report/mutants.ts";
import type { checkSpecs } from "../specs.ts";
import type { Options } from "./options.ts";

type Spec = Awaited<ReturnType<typeof checkSpecs>>["specs"][number];

const allFamilies = Object.keys(mutantFamilies) as readonly MutantFamily[];

/** Options of a plain validation: mutants choose cases, tokens and orders themselves. */
const OF_CASES = ["tokens", "fullSize", "case", "jitter"] as const;

/**
 * The specs and the families that `--mutants [family]` means; undefined: it is not given. Throws
 * UsageError for a family that there is not.
 */
export function mutantsOf(
  paths: readonly string[],
  { mutants }: Options,
): { readonly specs: readonly string[]; readonly families?: readonly MutantFamily[] } | undefined {
  if (mutants === undefined) return undefined;
  if (mutants === true || mutants === "all") return { specs: paths };
  const family = allFamilies.find((name) => name === mutants);
  if (family !== undefined) return { specs: paths, families: [family] };
  // `--mutants my.moe.ts`: the spec, not a family.
  if (paths.length === 0 && mutants.endsWith(".ts")) return { specs: [mutants] };
  const known = [...Object.keys(mutantFamilies), "all"].join(", ");
  throw new UsageError(`--mutants: no family ${mutants}; there are ${known}`);
}

/**
 * Runs one spec's mutants: exit 1 where one survives, 75 where all that were not caught have no
 * verdict. Throws UsageError for options that mutants set themselves.
 */
export async function runMutants(
  spec: Spec,
  options: Options,
  families: readonly MutantFamily[] | undefined,
  out: Output,
): Promise<Outcome> {
  const extra = OF_CASES.find((name) => options[name] !== undefined);
  if (extra !== undefined) throw new UsageError(`--mutants sets ${extra} itself`);
  refuseStray(options.only ?? [], families ?? allFamilies);
  const { runMutants: run } = await import("../../validate/mutants/run.ts");
  const report = mutantsReport(spec.plan.name, out);
  const chosen: MutantOptions = {
    signal: interrupted,
    ...defined({
      ep: options.ep,
      families,
      only: options.only,
      sample: options.sample,
      ids: options.mutant,
      seed: options.seed,
    }),
  };
  const result = await run(spec.loaded, spec.plan, chosen, report.event);
  report.end(result);
  const { killed, undecided, total } = result;
  const doubtful = undecided > 0 && killed + undecided === total;
  if (doubtful) return outcome(EXIT.undecided, { ...result });
  return verdict(result.ok, { ...result });
}

/** Kinds of another family than those that run: none of these mutants is of them. */
function refuseStray(only: readonly string[], families: readonly MutantFamily[]): void {
  const kinds: readonly string[] = families.flatMap((name) => mutantFamilies[name]);
  const stray = only.find((kind) => !kinds.includes(kind));
  if (stray === undefined) return;
  const known = kinds.join(", ");
  throw new UsageError(`--only ${stray}: no kind of ${families.join(", ")}; there are ${known}`);
}
