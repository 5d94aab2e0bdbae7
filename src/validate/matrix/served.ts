/** Whether a schedule takes a row: it says itself what of a layer and of a bucket it has. */
import type { Schedule } from "../../schedule/schedule.ts";
import type { Row } from "./fields.ts";
import { layerOf } from "./layer.ts";

/** Whether the schedule refuses nothing of the row; identity experts are in the rows of who has them. */
export function isServed(row: Row, schedule: Schedule): boolean {
  const { options, axes } = schedule;
  const layer = layerOf(row, 0);
  /** An axis that it tiles, with a tile of half the size or less. */
  const cuts = (axis: "bf" | "bd", size: number): boolean =>
    axes.some(({ name }) => name === axis) &&
    schedule.axisRule(layer, axis).legal.some((tile) => tile <= size / 2);
  if (row.transport !== "straight" && !options.includes("transport")) return false;
  if (row.rows !== "vmem" && !options.includes("rows")) return false;
  if (row.tiles === "streamed" && !cuts("bf", layer.intermediate) && !cuts("bd", layer.hidden)) {
    return false;
  }
  if (row.deterministic === "yes" && schedule.deterministic !== true) return false;
  return schedule.layerProblems(layer).length === 0;
}
