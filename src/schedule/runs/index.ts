/** Token rows to the devices that need them alone, and one sum back from each. */

import { byNeedOf, chipTile, chipTiles } from "../../kernel/api/chip-tiles.ts";
import { earlyTiles } from "../../kernel/api/early-tiles.ts";
import { limitsOf, passTiles } from "../../kernel/api/pass-tiles.ts";
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import { modulesOf } from "../../kernel/context.ts";
import { sumSlotsTile } from "../../kernel/experts/sums-in-hbm.ts";
import { dequantizationText, roundedWeights } from "../../kernel/feed-forward/dequantize.ts";
import { axisRule, layerProblems } from "../../kernel/feed-forward/rules.ts";
import { passesContext } from "../../kernel/passes/context.ts";
import { lower, type Passes, seconds } from "../../kernel/passes/lower.ts";
import { rowsText } from "../../kernel/rows/text.ts";
import { sharedSize } from "../../kernel/weights/arguments.ts";
import { inHbm } from "../../plan/call.ts";
import { kernelSteps } from "../../predict/plan/kernel.ts";
import type { LowerInput, Schedule } from "../schedule.ts";
import { composition } from "./composition.ts";
import { refusesRows } from "./rules.ts";
import { runTile, runTiles } from "./run-rows.ts";

/** Of a kernel for these kinds of devices. Rows that lie in HBM go to each device by itself. */
function passesOf(input: Pick<LowerInput, "layer" | "devices" | "ep" | "tiles">): Passes {
  const byNeed = inHbm(input.tiles.rows) ? "devices" : byNeedOf(input);
  return { composition, byNeed, own: (of) => ({ ...chipTile(of), ...runTile(of) }) };
}

export const runs = {
  kind: "runs",
  summary: "token rows to the devices that need them alone, one sum back from each",
  axes: [
    { name: "bd", cost: 3 },
    { name: "bf", cost: 1 },
    { name: "bt", cost: 1 },
  ],
  options: ["btc", "slots", "early", "rows", "runRows"],
  refusesRows,
  rowsByToken: true,
  fillsUp: true,
  deterministic: true,
  axisRule,
  layerProblems,
  // Every device has them whole: a row goes to those that need it alone.
  sharedColumns: sharedSize,
  lower: (input) => lower(passesOf(input), input),
  seconds: (input) => seconds(passesOf(input), input),
  tileTable: (plan) =>
    joined(
      weightTiles(plan),
      earlyTiles(plan),
      passTiles(plan),
      sumSlotsTile(plan),
      chipTiles(plan),
      runTiles(plan),
      sharedTile(plan),
    ),
  steps: (kernel, bundles, job) => {
    const { streamed, own } = kernel.tiles;
    return kernelSteps(kernel, bundles, job, streamed ? { rowBlock: limitsOf(own).rowBlock } : {});
  },
  dequantizationText,
  roundedWeights,
  rowsText,
  files: (plan) => modulesOf(composition, plan, (of) => passesContext(composition, of)),
} as const satisfies Schedule;
