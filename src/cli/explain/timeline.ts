/**
 * Stages on an axis: one row a stage, one column a stage in order. A full block is where the stage
 * runs, a shaded one where its copies are in flight while other stages run. Below them one row a
 * copy: the stages that it is in flight under.
 */
import type { PallasCall, Stage, Stream } from "../../plan/plan.ts";
import { count, flops } from "../format.ts";

const DEPTH: Readonly<Record<Stage["per"], number>> = {
  call: 0,
  pass: 1,
  expert: 2,
  "weight tile": 3,
  "row tile": 4,
};
/** Blanks between the parts of a row. */
const GAP = "  ";

/**
 * One row a stage (two where it waits or starts copies), then one a stream: lines without colour,
 * as wide as the kernel has stages.
 */
export function timeline(kernel: PallasCall): readonly string[] {
  const { stages, streams } = kernel;
  const labels = [...stages.map(label), ...streams.map(({ name }) => name)];
  const width = Math.max(...labels.map((text) => text.length));
  const trips = Math.max(...stages.map((stage) => count(stage.trips).length));
  const often = (stage: Stage): string =>
    `${count(stage.trips).padStart(trips)} x ${stage.per}`.padEnd(trips + 14);
  const left = (name: string, cells: string): string => `  ${name.padEnd(width)}${GAP}${cells}`;
  const pad = left("", " ".repeat(stages.length + GAP.length + trips + 14));

  const rows = stages.flatMap((stage, index) => {
    const work = stage.flops > 0 ? `, ${flops(stage.flops)}` : "";
    const cells = stages.map((other, column) => {
      if (column === index) return "█";
      return stage.overlaps.includes(other.name) ? "▒" : "·";
    });
    const row = [left(label(stage), cells.join("")), often(stage), `${stage.meaning}${work}`];
    const needs = [
      ...(stage.waits.length > 0 ? [`waits ${stage.waits.join(", ")}`] : []),
      ...(stage.starts.length > 0 ? [`starts ${stage.starts.join(", ")}`] : []),
    ];
    return [row.join(GAP), ...(needs.length > 0 ? [pad + GAP + needs.join("; ")] : [])];
  });
  const lanes = streams.map((stream) => {
    const under = inFlight(stream, kernel);
    return left(stream.name, stages.map((_, column) => (under.has(column) ? "▒" : "·")).join(""));
  });
  return [...rows, "  copies in flight", ...lanes];
}

function label(stage: Stage): string {
  return "  ".repeat(DEPTH[stage.per]) + stage.name;
}

/**
 * Columns under which a copy is on its way: from each stage that starts it to the next that waits.
 * Where it has more than one slot, the stage that starts it in a loop starts the *next* trip's
 * copy, so it is in flight under all of that loop.
 */
function inFlight(stream: Stream, { stages, buffers }: PallasCall): ReadonlySet<number> {
  const under = new Set<number>();
  const destinations = stream.destination.split(", ");
  const ahead = buffers.some(({ name, slots }) => slots > 1 && destinations.includes(name));
  stages.forEach((stage, from) => {
    if (!stage.starts.includes(stream.name)) return;
    const waiter = stages.findIndex((other, at) => at >= from && other.waits.includes(stream.name));
    const depth = DEPTH[stage.per];
    const inLoop = ahead && waiter !== from && depth >= DEPTH.expert;
    for (let at = from; at < stages.length; at++) {
      const other = stages[at];
      if (inLoop ? other !== undefined && DEPTH[other.per] < depth : at > waiter) break;
      under.add(at);
    }
  });
  return under;
}
