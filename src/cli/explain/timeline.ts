/**
 * Stages on an axis: one row a stage, one column a stage in order. A full block is where the stage
 * runs, a light line where its copies are in flight while other stages run.
 */
import type { KernelPlan, Stage } from "../../plan/plan.ts";
import { count, flops } from "../format.ts";

const INDENT: Readonly<Record<Stage["per"], number>> = {
  call: 0,
  pass: 1,
  expert: 2,
  "weight tile": 3,
  "row tile": 4,
};

export function timeline({ stages }: KernelPlan): readonly string[] {
  const order = new Map(stages.map((stage, index) => [stage.name, index]));
  const label = (stage: Stage): string => `${"  ".repeat(INDENT[stage.per])}${stage.name}`;
  const width = Math.max(...stages.map((stage) => label(stage).length));
  const trips = Math.max(...stages.map((stage) => count(stage.trips).length));
  return stages.flatMap((stage, index) => {
    const cells = stages.map((_, column) => cell(stage, index, column, order)).join("");
    const often = `${count(stage.trips).padStart(trips)} x ${stage.per}`.padEnd(trips + 14);
    const work = stage.flops > 0 ? `, ${flops(stage.flops)}` : "";
    const needs = [
      ...(stage.waits.length > 0 ? [`waits ${stage.waits.join(", ")}`] : []),
      ...(stage.starts.length > 0 ? [`starts ${stage.starts.join(", ")}`] : []),
    ];
    const first = `  ${label(stage).padEnd(width)}  ${cells}  ${often}  ${stage.meaning}${work}`;
    const pad = " ".repeat(width + stages.length + trips + 20);
    return needs.length > 0 ? [first, `  ${pad}${needs.join("; ")}`] : [first];
  });
}

function cell(
  stage: Stage,
  index: number,
  column: number,
  order: ReadonlyMap<string, number>,
): string {
  if (column === index) return "█";
  const overlapped = stage.overlaps.some((name) => order.get(name) === column);
  return overlapped ? "▒" : "·";
}
