/** `time` as people read it: a row for each call, and which clock it was. */

import type { TimeEvent, TimeResult } from "../../runner/time.ts";
import { spreadText } from "../../spec/mesh.ts";
import { seconds, table } from "../format.ts";
import type { Output } from "../output.ts";
import { microseconds } from "./profile.ts";

/** Writes what is under way, at the end a row a call; times of a CPU are said to be no TPU's. */
export function timeReport(name: string, out: Output) {
  return {
    event({ what }: TimeEvent): void {
      out.progress(`  ${what} ...`);
    },
    end(result: TimeResult): void {
      const { size, clock, host, deviceKind, versions, repetitions, warmup } = result;
      out.settle();
      const { experts, topK, hidden, intermediate } = size;
      const scaled = size.scaled ? "scaled: " : "";
      out.line(
        `time ${out.paint.bold(name)}  ${scaled}E ${experts} k ${topK} D ${hidden} F ${intermediate}, ${spreadText(size)}, on ${host} (${deviceKind}, JAX ${versions.jax})`,
      );
      const right = { align: "right" } as const;
      const rows = result.calls.map(({ tokens, check, deviceTime, cpuWallTime }) => {
        const time = deviceTime ?? cpuWallTime;
        const error = check.error === null ? "-" : check.error.toExponential(1);
        if (time === null) return [String(tokens), `✗ ${error}`, "not timed", "", "", ""];
        const { median, quartiles, min, max } = time;
        const [low, high] = quartiles.map(microseconds);
        return [
          ...[String(tokens), check.ok ? `✓ ${error}` : `✗ ${error}`, microseconds(median)],
          ...[`${low} to ${high}`, microseconds(min), microseconds(max)],
        ];
      });
      const median = clock === "device" ? "device time" : "CPU wall time";
      const titles = [
        ...[{ title: "tokens", ...right }, { title: "correct" }, { title: median, ...right }],
        ...[{ title: "quartiles" }, { title: "least", ...right }, { title: "most", ...right }],
      ];
      for (const line of table(titles, rows)) out.line(line);
      for (const { tokens, check } of result.calls) {
        if (check.ok) continue;
        const why = check.failure?.error ?? check.failure?.message ?? "wrong";
        out.line(out.paint.red(`  T = ${tokens}: ${check.failure?.message ?? ""} ${why}`));
      }
      out.line(
        `${repetitions} calls each after ${warmup} to warm up, in ${seconds(result.seconds)}`,
      );
      if (clock === "cpu") {
        out.line("This is wall time of an interpreted kernel on a CPU: it says nothing of a TPU.");
        out.line("next: moegen predict, for the time on a TPU without one");
      }
    },
  };
}
