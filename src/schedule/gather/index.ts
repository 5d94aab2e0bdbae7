/** All-gather of token rows, local partial sums, reduce-scatter. */
import { tableContext } from "../../kernel/api/table.ts";
import { modulesOf } from "../../kernel/context.ts";
import { dequantizationText } from "../../kernel/feed-forward/dequantize.ts";
import { axisRule, layerProblems } from "../../kernel/feed-forward/rules.ts";
import { rowsText } from "../../kernel/rows/text.ts";
import { sharedHeld } from "../../kernel/shared-experts/spread.ts";
import type { Schedule } from "../schedule.ts";
import { composition } from "./composition.ts";
import { gatherContext } from "./context.ts";
import { lower } from "./lower.ts";

export const gather: Schedule = {
  kind: "gather",
  summary: "all-gather of token rows, local partial sums, reduce-scatter",
  axisRule,
  layerProblems,
  sharedColumns: sharedHeld,
  lower,
  tableContext,
  dequantizationText,
  rowsText,
  files: (plan) => modulesOf(composition, plan, gatherContext),
};
