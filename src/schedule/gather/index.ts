/** All-gather of token rows, local partial sums, reduce-scatter. */
import { tokenRows } from "../../spec/formats.ts";
import type { Schedule } from "../schedule.ts";
import { gatherContext } from "./context.ts";
import { dequantizationText } from "./dequantize.ts";
import { lower } from "./lower.ts";
import { rowsText } from "./rows-text.ts";
import { axisRule, layerProblems } from "./rules.ts";
import { sharedOf } from "./shared.ts";
import { sharedExpertsContext } from "./shared-context.ts";
import { tableContext } from "./table.ts";

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
