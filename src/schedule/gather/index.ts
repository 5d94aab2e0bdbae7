/** All-gather of token rows, local partial sums, reduce-scatter. */
import type { Schedule } from "../schedule.ts";
import { gatherContext } from "./context.ts";
import { lower } from "./lower.ts";
import { axisRule, layerProblems } from "./rules.ts";
import { tableContext } from "./table.ts";

export const gather: Schedule = {
  kind: "gather",
  summary: "all-gather of token rows, local partial sums, reduce-scatter",
  axisRule,
  layerProblems,
  lower,
  tableContext,
  files: ({ layer }) =>
    [
      "experts",
      "feed_forward",
      "kernel",
      "routing",
      "shapes",
      ...(layer.sharedExperts === undefined ? [] : ["shared_experts"]),
      "transport",
    ].map((name) => ({
      file: `${name}.py`,
      template: `gather/${name}`,
      context: gatherContext,
    })),
};
