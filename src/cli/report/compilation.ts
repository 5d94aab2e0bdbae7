/** `compile` as people read it: one row a device and token count, as each is done. */
import type { CompileEvent, CompileResult, CompileTargetResult } from "../../runner/types.ts";
import { isUndecided } from "../../validate/undecided.ts";
import { bytes, bytesOf, count, plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";

const WIDTHS = [6, 6, 8, 4, 18, 8, 8];
const TITLES = ["device", "tokens", "bucket", "fits", "VMEM", "program", "compile"];
/** Words, which stand left. */
const WORDS = ["device", "bucket", "fits"];
/** Of the compiler's list, enough to see what is too large. */
const BUFFERS_SHOWN = 4;

/** Writes a row as each target is done, at the end the count of those that compile. */
export function compilationReport(name: string, out: Output) {
  const { paint } = out;
  return {
    event(event: CompileEvent): void {
      out.settle();
      if (event.event === "start") {
        const what = event.buckets ? "  the largest T of each bucket" : "";
        out.line(`compile ${paint.bold(name)}${what}`);
        out.line(row(TITLES));
      } else if (event.event === "target-start") {
        out.progress(`  ${event.device} T=${event.tokens} ...`);
      } else {
        for (const line of target(event, out)) out.line(line);
      }
    },
    end({ targets, seconds: time }: CompileResult): void {
      const fit = targets.filter(({ fits }) => fits).length;
      out.line(`${fit} of ${plural(targets.length, "target")} compile, in ${seconds(time)}`);
    },
  };
}

function target(result: CompileTargetResult, { paint }: Output): readonly string[] {
  const { device, tokens, bucket, fits, vmem, bundles, seconds: time, known, failure } = result;
  const line = row([
    device,
    `${tokens}`,
    bucket,
    fits ? "yes" : isUndecided(failure?.kind) ? "?" : "no",
    bytesOf(failure?.kind === "vmem" ? (failure.requested ?? vmem.used) : vmem.used, vmem.capacity),
    bundles === null ? "-" : count(bundles.total),
    known ? "known" : seconds(time.compile),
  ]);
  const offloads = (result.offloads ?? []).map((name) =>
    paint.yellow(`    on the SparseCore: ${name} (XLA moves it there without a cost model)`),
  );
  if (failure === undefined) return [line, ...offloads];
  const listed = [...(failure.buffers ?? [])].sort((a, b) => b.bytes - a.bytes);
  const rest = listed.length - BUFFERS_SHOWN;
  const names = listed
    .slice(0, BUFFERS_SHOWN)
    .map((buffer) => `${buffer.name ?? buffer.shape} ${bytes(buffer.bytes)}`);
  return [
    paint.red(line),
    ...failure.message.split("\n").map((text) => `    ${text}`),
    ...(names.length > 0 ? [`    ${names.join(" · ")}${rest > 0 ? ` · ${rest} more` : ""}`] : []),
  ];
}

/** Written row by row, so widths are fixed; figures stand right, words left. */
function row(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => {
    const width = WIDTHS[index] ?? 0;
    return WORDS.includes(TITLES[index] ?? "") ? cell.padEnd(width) : cell.padStart(width);
  });
  return `  ${padded.join("  ")}`.trimEnd();
}
