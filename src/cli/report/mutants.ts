/** `validate --mutants` as people read it: counts as they grow, survivors with both their places. */
import { join } from "node:path";
import type { MutantResult, MutantsEvent, MutantsResult } from "../../validate/mutants/types.ts";
import { plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";
import { sizeInWords } from "./validation.ts";

/**
 * Writes survivors and mutants without a verdict as they come, at the end a row a kind of mutant.
 */
export function mutantsReport(name: string, out: Output) {
  const { paint } = out;
  let total = 0;
  let finished = 0;
  return {
    event(event: MutantsEvent): void {
      out.settle();
      if (event.event === "start") {
        total += event.total;
        const what = plural(event.total, "mutant");
        out.line(`validate ${paint.bold(name)}  ${sizeInWords(event.size)}: ${what}`);
      } else if (event.event === "base") {
        out.line(`  without a fault  ${paint.green("✓")} in ${event.attempts} runs`);
      } else if (event.event === "mutant-start") {
        out.progress(`  ${finished} of ${total}: ${event.id} ...`);
      } else {
        finished += 1;
        if (event.undecided) {
          const why = paint.yellow(`no verdict: ${event.message ?? "given up"}`);
          out.line(`  ${event.id.padEnd(20)} ${why}`);
        } else if (!event.caught) for (const line of survivor(event, name)) out.line(line);
        else if (event.named)
          out.line(`  ${event.id.padEnd(20)} ${paint.green("✓")} ${caught(event)}`);
        if (finished % 25 === 0) out.line(`  ${finished} of ${total} run`);
      }
    },
    end(result: MutantsResult): void {
      out.settle();
      out.line();
      for (const { family, kind, killed, total: all } of result.kinds) {
        const mark = killed === all ? paint.green("✓") : paint.red("✗");
        const ways = waysOf(result.mutants.filter((one) => one.kind === kind));
        const named = `${family.padEnd(10)} ${kind.padEnd(12)}`;
        out.line(`  ${named} ${mark} ${`${killed} of ${all}`.padEnd(10)} ${ways}`);
      }
      const { killed, undecided, total: all } = result;
      const open = undecided > 0 ? `, ${undecided} without a verdict` : "";
      const sum =
        killed === all
          ? `${plural(all, "mutant")}, each caught`
          : `${killed} of ${all} caught${open}`;
      out.line(`${sum}, in ${seconds(result.seconds)}, seed ${result.seed}`);
    },
  };
}

function caught({ by, case: name, tokens, order }: MutantResult): string {
  return name === undefined ? `${by}` : `${by} (${name}, T=${tokens}, ${order?.text})`;
}

/** Where it is in the plan and in the source; and how it can be run again. */
function survivor(one: MutantResult, name: string): readonly string[] {
  const place = [
    ...(one.stage === null ? [] : [`stage ${one.stage}`]),
    ...one.streams.map((stream) => `stream ${stream}`),
    ...one.semaphores.map((semaphore) => `semaphore ${semaphore}`),
  ];
  return [
    `  ${one.id}: not caught in ${one.attempts} runs`,
    `      ${one.what}`,
    `      plan    ${place.length === 0 ? "no stream" : place.join(", ")}`,
    `      source  ${join("generated", name, one.file)}:${one.line}`,
    `      again: moegen validate SPEC --mutants --mutant ${one.id}`,
  ];
}

/** How often each way caught one, the most frequent first. */
function waysOf(mutants: readonly MutantResult[]): string {
  const counts = new Map<string, number>();
  for (const { by } of mutants) if (by !== undefined) counts.set(by, (counts.get(by) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([by, times]) => `${by} ${times}`)
    .join(", ");
}
