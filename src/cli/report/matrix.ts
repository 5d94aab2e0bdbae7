/** `validate --matrix` as people read it: each row as it finishes, then how often each value passed. */

import type {
  FeatureCount,
  MatrixEvent,
  MatrixResult,
  MatrixRowResult,
} from "../../runner/matrix.ts";
import { type Field, fields, type Row } from "../../validate/matrix/fields.ts";
import { plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";
import { failureLines, scientific, shareInWords } from "./validation.ts";

/**
 * Writes a row of the matrix as it finishes, at the end how often each value of each field passed.
 */
export function matrixReport(out: Output) {
  const { paint } = out;
  let total = 0;
  let finished = 0;
  return {
    event(event: MatrixEvent): void {
      out.settle();
      if (event.event === "start") {
        total = event.rows;
        const names = Object.keys(fields).length;
        out.line(
          `validate ${paint.bold("the feature matrix")}  ${plural(total, "row")} over ${names} fields, races on`,
        );
        return;
      }
      finished += 1;
      const { row, tokens, ok, worstError, features } = event;
      const mark = ok ? paint.green("✓") : event.undecided > 0 ? paint.yellow("?") : paint.red("✗");
      const head = `${String(row).padStart(4)}  ep ${String(features.ep).padEnd(2)}  T=${String(tokens).padEnd(4)}`;
      const error = scientific(worstError).padEnd(8);
      out.line(
        `${head} ${mark} ${error} ${seconds(event.seconds).padStart(6)}  ${inWords(features)}`,
      );
      for (const line of failuresOf(event)) out.line(line);
      out.progress(`  ${finished} of ${total} rows ...`);
    },
    end(result: MatrixResult): void {
      out.settle();
      out.line();
      for (const line of table(result.features)) out.line(line);
      const failed = result.rows.filter(({ ok }) => !ok).length;
      if (result.undecided > 0) {
        out.line(paint.yellow(`${plural(result.undecided, "case")} without a verdict`));
      }
      const cases = result.rows.reduce((sum, { cases: list }) => sum + list.length, 0);
      const took = seconds(result.seconds);
      out.line(
        failed === 0
          ? `${plural(result.rows.length, "row")}, ${plural(cases, "case")} passed in ${took}, ${worstOf(result.rows)}, ids identical, no race`
          : `${failed} of ${plural(result.rows.length, "row")} failed in ${took}`,
      );
    },
  };
}

/** Values that say something: a "no" does not. */
function inWords(features: Row): string {
  const silent = new Set<unknown>(["no", "none", "all"]);
  const names = (Object.keys(fields) as readonly Field[]).filter(
    (name) => !["ep", "tokens"].includes(name) && !(name === "scaling" && features.scaling === 1),
  );
  const values = names
    .filter((name) => LOUD.has(name) || !silent.has(features[name]))
    .map((name) => (features[name] === "yes" ? name : `${LABELS[name] ?? ""}${features[name]}`));
  return [features.schedule, ...values].join(", ");
}

/** Fields whose "none" is a value like any other. */
const LOUD: ReadonlySet<Field> = new Set(["scoring", "tokenAxes"]);

const LABELS: Readonly<Partial<Record<Field, string>>> = {
  scoring: "scores ",
  placement: "of the ",
  scaling: "x ",
  softCap: "cap ",
  groups: "groups by ",
  topK: "top-",
  experts: "E ",
  shared: "shared ",
  hidden: "D ",
  intermediate: "F ",
  tokenAxes: "tokens over ",
};

function failuresOf({ cases }: MatrixRowResult): readonly string[] {
  return cases.flatMap((one) => (one.failure === undefined ? [] : failureLines(one, one.failure)));
}

function worstOf(rows: readonly MatrixRowResult[]): string {
  const errors = rows.map(({ worstError }) => worstError ?? 0);
  const shares = rows.map(({ ofLimit }) => ofLimit ?? 0);
  return `worst ${scientific(Math.max(...errors))} (${shareInWords(Math.max(...shares))})`;
}

function table(features: readonly FeatureCount[]): readonly string[] {
  return [...new Set(features.map(({ field }) => field))].map((name) => {
    const values = features
      .filter(({ field }) => field === name)
      .map(
        ({ value, passed, rows }) => `${value} ${passed === rows ? rows : `${passed} of ${rows}`}`,
      );
    return `  ${name.padEnd(15)} ${values.join(" · ")}`;
  });
}
