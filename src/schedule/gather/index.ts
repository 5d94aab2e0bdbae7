/** All-gather of token rows, local partial sums, reduce-scatter. */

import { limitsOf } from "../../kernel/api/pass-tiles.ts";
import { modulesOf } from "../../kernel/context.ts";
import { dequantizationText, roundedWeights } from "../../kernel/feed-forward/dequantize.ts";
import { axisRule, layerProblems } from "../../kernel/feed-forward/rules.ts";
import { keepsWeights } from "../../kernel/load.ts";
import { passesContext } from "../../kernel/passes/context.ts";
import { lower, type Passes, seconds } from "../../kernel/passes/lower.ts";
import { rowsText } from "../../kernel/rows/text.ts";
import { sharedHeld } from "../../kernel/shared-experts/spread.ts";
import { kernelSteps } from "../../predict/plan/kernel.ts";
import { defined } from "../../spec/defined.ts";
import type { Schedule } from "../schedule.ts";
import { composition, inTurns } from "./composition.ts";
import { tileTable } from "./tiles.ts";

/** Phases from one pass to the next where the sums of one leave before: `stride` of the template. */
const PHASES_IN_TURN = 3;

const passes: Passes = { composition, inTurns };

export const gather = {
  kind: "gather",
  summary: "all-gather of token rows, local partial sums, reduce-scatter",
  // With bd = D gate and up are one contraction; fewer and longer weight copies come next; rows
  // beyond those of an expert are padding.
  axes: [
    { name: "bd", cost: 3 },
    { name: "bf", cost: 1 },
    { name: "bt", cost: 1 },
  ],
  options: ["btc", "slots", "early", "transport", "routes", "rows", "passTokens"],
  rowsByToken: true,
  fillsUp: true,
  deterministic: true,
  axisRule,
  layerProblems,
  sharedColumns: sharedHeld,
  lower: (input) => lower(passes, input),
  seconds: (input) => seconds(passes, input),
  tileTable,
  steps: (kernel, bundles, job) => {
    const { tiles } = kernel;
    const { streamed, own, rows } = tiles;
    const { rowBlock, atOnce } = limitsOf(own);
    const stride = atOnce > 1 ? 1 : PHASES_IN_TURN;
    const kept = keepsWeights({ layer: job.layer, tiles, ...defined({ rows }) });
    const block = streamed ? { rowBlock, keepsWeights: kept } : {};
    return kernelSteps(kernel, bundles, job, { ...block, stride });
  },
  dequantizationText,
  roundedWeights,
  rowsText,
  files: (plan) => modulesOf(composition, plan, (of) => passesContext(composition, of)),
} as const satisfies Schedule;
