/** `moegen validate SPEC --mutants`. */
import type { MutantOptions } from "../../mutants/types.ts";
import { type Outcome, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { mutantsReport } from "../report/mutants.ts";
import type { checkSpecs } from "../specs.ts";
import type { Options } from "./options.ts";

type Spec = Awaited<ReturnType<typeof checkSpecs>>["specs"][number];

/** Options of a plain validation: mutants choose cases, tokens and orders themselves. */
const OF_CASES = ["tokens", "fullSize", "case", "jitter"] as const;

export async function runMutants(spec: Spec, options: Options, out: Output): Promise<Outcome> {
  const extra = OF_CASES.find((name) => options[name] !== undefined);
  if (extra !== undefined) throw new UsageError(`--mutants sets ${extra} itself`);
  const { runMutants: run } = await import("../../mutants/run.ts");
  const report = mutantsReport(spec.plan.name, out);
  const chosen: MutantOptions = {
    signal: interrupted,
    ...(options.ep === undefined ? {} : { ep: options.ep }),
    ...(options.only === undefined ? {} : { only: options.only }),
    ...(options.sample === undefined ? {} : { sample: options.sample }),
    ...(options.mutant === undefined ? {} : { ids: options.mutant }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
  const result = await run(spec.loaded, spec.plan, chosen, report.event);
  report.end(result);
  const { killed, undecided, total } = result;
  const doubtful = undecided > 0 && killed + undecided === total;
  if (doubtful) return outcome(EXIT.undecided, { ...result });
  return verdict(result.ok, { ...result });
}
