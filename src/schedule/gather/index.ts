/** All-gather of token rows, local partial sums, reduce-scatter. */

import { tableContext } from "../../kernel/api/table.ts";
import { dequantizationText } from "../../kernel/feed-forward/dequantize.ts";
import { axisRule, layerProblems } from "../../kernel/feed-forward/rules.ts";
import { rowsText } from "../../kernel/rows/text.ts";
import { sharedExpertsContext } from "../../kernel/shared-experts/context.ts";
import { sharedOf } from "../../kernel/shared-experts/spread.ts";
import { tokenRows } from "../../spec/formats.ts";
import type { Schedule } from "../schedule.ts";
import { gatherContext } from "./context.ts";
import { lower } from "./lower.ts";

export const gather: Schedule = {
  kind: "gather",
  summary: "all-gather of token rows, local partial sums, reduce-scatter",
  axisRule,
  layerProblems,
  sharedColumns(layer, ep) {
    const shared = sharedOf(layer, ep);
    if (shared === undefined) return 0;
    return shared.replicas === 1 ? shared.columns : shared.size;
  },
  lower,
  tableContext,
  dequantizationText,
  rowsText,
  files: ({ layer }) =>
    [
      "experts",
      "feed_forward",
      "kernel",
      ...(layer.wire?.combine === undefined ? [] : ["partial_sums"]),
      "routing",
      ...(tokenRows(layer) === undefined ? [] : ["rows"]),
      "shapes",
      ...(layer.sharedExperts === undefined ? [] : ["shared_experts"]),
      "transport",
    ].map((name) => ({
      file: `${name}.py`,
      template: `gather/${name}`,
      context: name === "shared_experts" ? sharedExpertsContext : gatherContext,
    })),
};
