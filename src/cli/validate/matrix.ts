/** `moegen validate --matrix`. */

import { defined } from "../../spec/defined.ts";
import { decided, type Outcome } from "../command.ts";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { matrixReport } from "../report/matrix.ts";
import type { Options } from "./options.ts";

/** Options of a spec's validation that the matrix sets itself. */
const OF_ONE_SPEC = ["ep", "tokens", "fullSize", "case", "jitter", "mutants"] as const;

/**
 * Validates rows of the matrix, each a spec of its own. Throws UsageError for a spec and for
 * options that the matrix sets itself.
 */
export async function runMatrix(
  paths: readonly string[],
  options: Options,
  out: Output,
): Promise<Outcome> {
  if (paths.length > 0) throw new UsageError("--matrix takes no spec: its rows are specs");
  const extra = OF_ONE_SPEC.find((name) => options[name] !== undefined);
  if (extra !== undefined) throw new UsageError(`--matrix sets ${extra} itself`);
  const { validateMatrix } = await import("../../runner/index.ts");
  const report = matrixReport(out);
  const chosen = {
    signal: interrupted,
    ...defined({ all: options.all, rows: options.rows, seed: options.seed }),
  };
  const result = await validateMatrix(chosen, report.event);
  report.end(result);
  const cases = result.rows.flatMap(({ cases }) => cases);
  return decided(cases, result.undecided, { ...result });
}
