/** Rows of a run that one copy takes: the last of a run is filled up, and each costs the core. */

import { secondsOf } from "../../kernel/collectives/choose.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { narrowSums } from "../../kernel/rows/partial-sums.ts";
import { inHbm } from "../../plan/call.ts";
import type { Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { onceFor } from "../../spec/once.ts";
import { RUN_ROWS } from "../../spec/schedule.ts";
import { crossingGroups, handedGroups } from "./expected.ts";

/** Bundles of a copy of one row, as compiled for v7x: in the loop that lays and sends it, and in those that await it. */
const COPY_CYCLES = 27;
/** And of sums that are quantised together, however few: one step waits for the one before. */
const QUANTIZE_CYCLES = 120;

/** Rows between devices, in copies of so many each: to chips and, within those, to the other device. */
function partsOf(input: KernelInput, each: number) {
  const { layer, layout, ep, device } = input;
  const crossing = crossingGroups(input, each);
  const copies = crossing + handedGroups(input, each);
  // To all others as much as to those that it goes to.
  const rows = (crossing * each) / (ep - 1);
  const bytes = (sublanes: number): number => rows * sublanes * LANES * 4;
  const cycles = 2 * COPY_CYCLES + (narrowSums(layer) ? QUANTIZE_CYCLES : 0);
  return {
    core: (copies * cycles) / device.clock,
    links: () => secondsOf({ device, ep, rows: bytes(layout.row), sums: bytes(layout.partRow) }, 0),
  };
}

/** Of all, what is cheapest. More rows a copy cost links no less: simulated is what may be cheaper alone. */
function cheapest(input: KernelInput): number {
  let best = { each: 0, seconds: Number.POSITIVE_INFINITY };
  let least = 0;
  for (const each of RUN_ROWS) {
    const { core, links } = partsOf(input, each);
    if (least + core >= best.seconds) continue;
    least = links();
    if (least + core < best.seconds) best = { each, seconds: least + core };
  }
  return best.each;
}

const chosen = onceFor<KernelInput["layer"], number>();

/** As the bucket says, or what is cheapest of those; rows in HBM leave one by one, and are awaited in groups. */
export function runRows(input: KernelInput): number {
  const { layer, ep, device, sizes, byNeed, rows, tiles } = input;
  if (inHbm(rows)) return UNROLL;
  if (tiles.runRows !== undefined) return tiles.runRows;
  const key = [ep, device.name, sizes.deviceShare, sizes.passes, byNeed].join();
  return chosen(layer, key, () => cheapest(input));
}

/** As the plan and the tile table have it. */
export function runTile(input: KernelInput): TileChoice["own"] {
  return input.ep === 1 || inHbm(input.rows) ? {} : { run_rows: runRows(input) };
}

/** Field and rule; nothing where no rows leave, or where they lie in HBM. */
export function runTiles({ kernels }: Plan): TileTable {
  if (!kernels.some(({ tiles }) => tiles.own.run_rows !== undefined)) {
    return { fields: [], rules: [] };
  }
  const legal = RUN_ROWS.join(", ");
  return {
    fields: [
      {
        name: "run_rows",
        type: "int",
        meaning: "rows of a run that one copy takes between devices; its last is filled up",
      },
    ],
    rules: [{ name: "run_rows", python: `self.run_rows in (${legal})`, text: `one of ${legal}` }],
  };
}
