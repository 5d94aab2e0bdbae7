/** Grouped matmuls of whole experts between collectives of XLA. */
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import { modulesOf } from "../../kernel/context.ts";
import { dequantizationText, roundedWeights } from "../../kernel/feed-forward/dequantize.ts";
import { sharedHeld } from "../../kernel/shared-experts/spread.ts";
import { gatherRows } from "../../predict/pieces/xla.ts";
import { kernelSteps } from "../../predict/plan/kernel.ts";
import type { Schedule } from "../schedule.ts";
import { ROW_BY_ROW } from "./calls.ts";
import { composition } from "./composition.ts";
import { gmmContext } from "./context.ts";
import { lower } from "./lower.ts";
import { axisRule, layerProblems } from "./rules.ts";
import { onDevice } from "./sizes.ts";
import { sumSteps } from "./sum-steps.ts";
import { SUMS } from "./sums.ts";

export const gmm = {
  kind: "gmm",
  summary: "grouped matmuls of rows sorted by expert, between collectives of XLA",
  axes: [
    { name: "bf", cost: 2 },
    { name: "bt", cost: 1 },
  ],
  options: ["btc", "slots"],
  axisRule,
  layerProblems,
  sharedColumns: sharedHeld,
  lower,
  cutsExperts: true,
  tileTable: (plan) => joined(weightTiles(onDevice(plan)), sharedTile(plan)),
  steps: (kernel, bundles, job) => {
    const { streamed, bt } = kernel.tiles;
    const reading = streamed ? { rowBlock: bt } : {};
    return kernel.calls.flatMap((call) => {
      if (call.kind === "xla" && call.name === ROW_BY_ROW) {
        return [gatherRows(job, call.name, call.bytes / 2)];
      }
      if (call.kind === "pallas" && call.name === SUMS) return sumSteps(call, bundles, job);
      return kernelSteps({ ...kernel, calls: [call] }, bundles, job, reading);
    });
  },
  dequantizationText: (plan) => dequantizationText(onDevice(plan)),
  roundedWeights: (plan) => roundedWeights(onDevice(plan)),
  roundedResults: true,
  files: (plan) => modulesOf(composition, plan, gmmContext),
} as const satisfies Schedule;
