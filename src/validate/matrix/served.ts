/** Whether a schedule takes a row: it says itself what of a layer and of a bucket it has. */
import type { Schedule } from "../../schedule/schedule.ts";
import type { Row } from "./fields.ts";
import { layerOf } from "./layer.ts";

/** MOE138: what each device does to its own tokens alone is not the same in any batch. */
function keepsOrder(row: Row, schedule: Schedule): boolean {
  if (row.deterministic === "no") return true;
  const layer = layerOf(row, 0);
  const { count, intermediate } = layer.sharedExperts ?? { count: 0, intermediate: 0 };
  const cut = schedule.sharedColumns(layer, row.ep) * row.ep === count * intermediate;
  return schedule.deterministic === true && cut;
}

/** Whether the schedule refuses nothing of the row; identity experts are in the rows of who has them. */
export function isServed(row: Row, schedule: Schedule): boolean {
  const { options, axes } = schedule;
  if (row.transport !== "straight" && !options.includes("transport")) return false;
  if (row.rows !== "vmem" && !options.includes("rows")) return false;
  if (row.tiles === "streamed" && !axes.some(({ name }) => name !== "bt")) return false;
  if (!keepsOrder(row, schedule)) return false;
  return schedule.layerProblems(layerOf(row, 0)).length === 0;
}
