/** `validate` as people read it: each case as it finishes, a failure with all that is known. */

import type {
  CaseFailure,
  CaseResult,
  ValidatedSize,
  ValidateEvent,
  ValidateResult,
} from "../../runner/types.ts";
import { spreadText } from "../../spec/mesh.ts";
import { isUndecided } from "../../validate/undecided.ts";
import { plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";

/** As wide as the longest title among the named cases. */
const TITLE_WIDTH = 28;

/**
 * Writes a row as each case is done, at the end a sentence over all; none where nothing failed and
 * some case has no verdict.
 */
export function validationReport(name: string, out: Output) {
  const { paint } = out;
  const one = (result: CaseResult): void => {
    const without = isUndecided(result.failure?.kind);
    const given = without ? paint.yellow("?") : paint.red("✗");
    const mark = result.ok ? paint.green("✓") : given;
    const title = result.title.padEnd(TITLE_WIDTH);
    const tokens = `T=${result.tokens}`.padEnd(7);
    const error = (without ? "-" : scientific(result.error)).padEnd(8);
    const limit = result.limit === undefined ? "" : `of ${scientific(result.limit)}`;
    out.line(
      `  ${title}  ${tokens}  ${mark} ${error} ${limit.padEnd(10)}  ${seconds(result.seconds)}`,
    );
    const apart = (title: string, error: number | undefined): void => {
      if (error === undefined) return;
      const name = `  ${title}`.padEnd(TITLE_WIDTH);
      out.line(`  ${name}  ${"".padEnd(7)}    ${scientific(error)}  no limit   `);
    };
    apart("quantised against exact", result.quantizationError);
    apart("of it, rows of 8 bits", result.rowError);
    if (result.failure) for (const line of failureLines(result, result.failure)) out.line(line);
  };
  return {
    event(event: ValidateEvent): void {
      out.settle();
      if (event.event === "start") {
        out.line(`validate ${paint.bold(name)}  ${sizeInWords(event.size)}, races on`);
      } else if (event.event === "case-start") {
        out.progress(`  ${event.title.padEnd(TITLE_WIDTH)}  T=${event.tokens} ...`);
      } else {
        one(event);
      }
    },
    end(result: ValidateResult): void {
      const { cases, worstError, ofLimit, undecided } = result;
      const failed = cases.filter(({ ok, failure }) => !ok && !isUndecided(failure?.kind)).length;
      if (undecided > 0) {
        out.line(
          paint.yellow(`${plural(undecided, "case")} without a verdict: not right, not wrong`),
        );
      }
      if (undecided > 0 && failed === 0) return;
      const worst = `worst ${scientific(worstError)} (${shareInWords(ofLimit)})`;
      out.line(
        failed === 0
          ? `${plural(cases.length, "case")} passed in ${seconds(result.seconds)}, ${worst}, no race, no out-of-bounds read`
          : `${failed} of ${plural(cases.length, "case")} failed in ${seconds(result.seconds)}, ${worst}`,
      );
    },
  };
}

/** The sizes that were validated, e.g. "scaled: E 8 k 2 D 256 F 256, bfloat16, ep 4". */
export function sizeInWords({
  scaled,
  experts,
  topK,
  hidden,
  intermediate,
  dtype,
  ...mesh
}: ValidatedSize): string {
  const sizes = `E ${experts} k ${topK} D ${hidden} F ${intermediate}`;
  return `${scaled ? "scaled" : "full size"}: ${sizes}, ${dtype}, ${spreadText(mesh)}`;
}

/** All that is known of a case that failed, indented, with the command that runs it again. */
export function failureLines(result: CaseResult, failure: CaseFailure): readonly string[] {
  const { message, worst, routing, races, semaphores, outOfBounds, error, reproduce } = failure;
  const { deadlock, unfinished, order } = failure;
  const lines = [`case ${result.case}, seed ${result.seed}: ${message}`];
  if (worst) {
    const expert = worst.expert === null ? "unknown expert" : `expert ${worst.expert}`;
    lines.push(
      `worst token ${worst.token}: error ${scientific(worst.error)}, ${expert} of [${worst.experts.join(", ")}]`,
      `${plural(worst.wrongTokens, "wrong token")}, ${plural(worst.nanTokens, "token")} with NaN`,
    );
  }
  if (routing) {
    const figures =
      routing.got === undefined ? "" : `: got ${show(routing.got)}, want ${show(routing.want)}`;
    lines.push(`routing of token ${routing.token}: ${routing.problem}${figures}`);
  }
  for (const race of races ?? []) lines.push(`race: ${race}`);
  if (semaphores?.length) lines.push(`semaphores not zero at the end: ${semaphores.join(", ")}`);
  if (outOfBounds) lines.push(`out of bounds: ${outOfBounds}`);
  for (const copy of unfinished ?? []) if (copy !== message) lines.push(copy);
  if (deadlock && deadlock !== message) lines.push(deadlock);
  if (error) lines.push(error);
  if (order) lines.push(`found in order ${order.seed}: ${order.text}`);
  lines.push(`again: ${reproduce}`);
  return lines.flatMap((text) => text.split("\n")).map((text) => `      ${text}`);
}

function show(value: readonly number[] | number | undefined): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value ?? "nothing");
}

/** Of the most that rounding may cost. */
export function shareInWords(ofLimit: number | null): string {
  return ofLimit === null ? "not finite" : `at most ${ofLimit.toFixed(2)} of a limit`;
}

/** 3.1e-3 */
export function scientific(value: number | null): string {
  return value === null ? "NaN" : value.toExponential(1).replace("e+0", "");
}
