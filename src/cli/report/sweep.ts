/** `sweep` as people read it: a live line, then a table to paste. */

import type { ClockEvent } from "../../sweep/clock.ts";
import type { ProveEvent } from "../../sweep/prove.ts";
import type { FailureKind, Measured, SweepRecord } from "../../sweep/record.ts";
import type { Progress, SweepEvent } from "../../sweep/run.ts";
import type { Search } from "../../sweep/search.ts";
import { type Choice, faster, isDropped, isMeasured, ranked } from "../../sweep/winners.ts";
import { bytesOf, count, plural, seconds } from "../format.ts";
import type { Output } from "../output.ts";
import type { Staged } from "../sweep/stages.ts";
import { microseconds } from "./profile.ts";

/** Best of a bucket and device that are shown. */
const SHOWN = 3;
/** Lines of dropped candidates; the store has all. */
const DROPPED_SHOWN = 8;

const HOW: Readonly<Record<Search["kind"], string>> = {
  grid: "all compiled",
  derived: "compiled where others do not tell",
  tpe: "sampled (TPE)",
};

const tilesText = ({ bt, bf, bd }: SweepRecord["tiles"]): string => `bt ${bt} bf ${bf} bd ${bd}`;

function failureText(failures: Progress["failures"]): string {
  return Object.entries(failures)
    .map(([kind, many]) => `${kind} ${many}`)
    .join(", ");
}

/**
 * Writes each new best as it comes and a live line; at the end, or at Ctrl-C, a table to paste.
 * `store` is the path where the records are.
 */
export function sweepReport(name: string, store: string, out: Output) {
  const best = new Map<string, Measured>();
  const seen = new Map<string, SweepRecord>();
  let total = 0;
  return {
    event(event: SweepEvent): void {
      if (event.event === "start") {
        ({ total } = event);
        const how = HOW[event.search];
        out.line(
          `sweep ${out.paint.bold(name)}  ${plural(event.total, "candidate")}, ${how}; records in ${store}`,
        );
        return;
      }
      const { record, progress } = event;
      seen.set(record.key, record);
      const place = `${record.bucket} ${record.device}`;
      const known = best.get(place);
      if (isMeasured(record) && (known === undefined || faster(record, known) < 0)) {
        best.set(place, record);
        out.settle();
        const time = microseconds(record.estimate.seconds);
        out.line(`  best of ${place} so far: ${time}  ${tilesText(record.tiles)}`);
      }
      out.progress(live(progress));
    },
    proved({ done, total, records }: ProveEvent): void {
      const [first] = records;
      for (const record of records) seen.set(record.key, record);
      out.progress(`  numerics ${done}/${total}`);
      if (first?.status !== "dropped") return;
      out.settle();
      const many = plural(records.length, "candidate");
      out.line(out.paint.red(`  ${many} like ${tilesText(first.tiles)}: ${first.reason}`));
    },
    timed({ bucket, what }: ClockEvent): void {
      out.progress(`  ${bucket}: ${what} ...`);
    },
    /** Ctrl-C: the table so far, and that nothing of it is lost. */
    interrupted(): void {
      out.settle();
      const records = [...seen.values()];
      for (const line of pasteTable(records)) out.line(line);
      const of = Number.isFinite(total) ? ` of ${count(total)}` : "";
      out.line(
        `stopped after ${count(records.length)}${of} candidates: the same command goes on from there, their records are in ${store}`,
      );
    },
    end(result: Staged, choice: Choice): void {
      out.settle();
      const { progress, records, stopped, search, candidates, left, unproved, pruned } = result;
      for (const line of pasteTable(records)) out.line(line);
      for (const line of droppedLines(records)) out.line(line);
      const { done, known, compiled, passed } = progress;
      const rate = compiled > 0 ? `, ${(done / progress.seconds).toFixed(2)} a second` : "";
      const derived = passed > 0 ? `, ${count(passed)} slower by others' bundles` : "";
      const share = search === "tpe" ? ` of ${count(candidates)}` : "";
      const end = stopped ? "; the budget ended it, the same command goes on from there" : "";
      out.line(
        `${count(done)}${share} candidates: ${count(compiled)} compiled in ${seconds(progress.seconds)}${rate}${derived}, ${count(known)} known from the store${end}`,
      );
      if (pruned > 0) {
        out.line(`  not compiled: ${plural(pruned, "candidate")}, far slower by the plan alone`);
      }
      if (left > 0) out.line(out.paint.yellow(`  not reached: ${plural(left, "candidate")}`));
      if (unproved > 0) {
        const many = plural(unproved, "candidate");
        out.line(out.paint.yellow(`  not reached: the numerics of ${many}, which cannot win`));
      }
      for (const { bucket, tiles, worstRatio } of choice.winners) {
        const behind =
          worstRatio > 1.0005 ? `, ${((worstRatio - 1) * 100).toFixed(1)}% behind on a device` : "";
        out.line(`  for ${bucket}: ${tilesText(tiles)}${behind}`);
      }
      for (const bucket of choice.without) {
        out.line(out.paint.yellow(`  for ${bucket}: no tiles do on every device`));
      }
      if (choice.madeAlike) {
        out.line("  weights come in tiles in all buckets or in none: chosen alike for all");
      }
    },
  };
}

function live({ done, total, seconds: time, failures, known }: Progress): string {
  const fresh = done - known;
  const left = fresh > 0 ? ((total - done) * time) / fresh : undefined;
  const eta = left === undefined || !Number.isFinite(left) ? "" : ` · ${seconds(left)} left`;
  const failed = failureText(failures);
  return `  ${done}/${Number.isFinite(total) ? total : "?"}${eta}${failed ? ` · dropped: ${failed}` : ""}`;
}

/** Markdown: goes into an issue or a README as it is. */
export function pasteTable(records: readonly SweepRecord[]): readonly string[] {
  const measured = records.filter(isMeasured);
  const timed = measured.some(({ deviceTime }) => deviceTime);
  const proved = measured.some(({ numerics }) => numerics);
  const head = [
    "bucket",
    "device",
    "bt",
    "bf",
    "bd",
    "predicted",
    "of floor",
    "bound by",
    "cycles",
    "VMEM",
    ...(timed ? ["on a TPU"] : []),
    ...(proved ? ["error"] : []),
  ];
  const rows = ranked(records).flatMap(({ records: sorted }) =>
    sorted
      .slice(0, SHOWN)
      .map(({ bucket, device, tokens, tiles, estimate, cycles, vmem, deviceTime, numerics }) => [
        `${bucket} (T ${tokens})`,
        device,
        ...[tiles.bt, tiles.bf, tiles.bd].map(String),
        microseconds(estimate.seconds),
        `${(estimate.seconds / estimate.floor).toFixed(2)}x`,
        estimate.boundBy,
        count(cycles),
        bytesOf(vmem.used, vmem.available),
        ...(timed ? [deviceTime ? microseconds(deviceTime.median) : ""] : []),
        ...(proved ? [numerics ? numerics.error.toExponential(1) : ""] : []),
      ]),
  );
  if (rows.length === 0) return [];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

function droppedLines(records: readonly SweepRecord[]): readonly string[] {
  const dropped = records.filter(isDropped);
  if (dropped.length === 0) return [];
  const counted = new Map<FailureKind, number>();
  for (const { kind } of dropped) counted.set(kind, (counted.get(kind) ?? 0) + 1);
  const lines = dropped
    .slice(0, DROPPED_SHOWN)
    .map(({ bucket, device, tiles, stage, kind, reason }) => {
      const why = reason.split("\n")[0];
      return `  ${bucket} ${device} ${tilesText(tiles)}  ${stage}/${kind}: ${why}`;
    });
  const rest = dropped.length - lines.length;
  return [
    `dropped: ${[...counted].map(([kind, many]) => `${kind} ${many}`).join(", ")}`,
    ...lines,
    ...(rest > 0 ? [`  and ${rest} more, each with its reason in the store`] : []),
  ];
}
