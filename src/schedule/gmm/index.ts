/** Grouped matmuls of whole experts between collectives of XLA. */
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import { modulesOf } from "../../kernel/context.ts";
import { dequantizationText, roundedWeights } from "../../kernel/feed-forward/dequantize.ts";
import { sharedHeld } from "../../kernel/shared-experts/spread.ts";
import type { Schedule } from "../schedule.ts";
import { composition } from "./composition.ts";
import { gmmContext } from "./context.ts";
import { lower } from "./lower.ts";
import { axisRule, layerProblems } from "./rules.ts";
import { rowTiles, seconds } from "./seconds.ts";
import { onDevice } from "./sizes.ts";
import { steps } from "./steps.ts";

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
  seconds,
  rowTiles,
  cutsExperts: true,
  tileTable: (plan) => joined(weightTiles(onDevice(plan)), sharedTile(plan)),
  steps,
  dequantizationText: (plan) => dequantizationText(onDevice(plan)),
  roundedWeights: (plan) => roundedWeights(onDevice(plan)),
  roundedResults: true,
  files: (plan) => modulesOf(composition, plan, gmmContext),
} as const satisfies Schedule;
