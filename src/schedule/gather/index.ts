/** All-gather of token rows, local partial sums, reduce-scatter. */
import type { Schedule } from "../schedule.ts";
import { gatherContext } from "./context.ts";
import { lower } from "./lower.ts";
import { axisRule, layerProblems } from "./rules.ts";
import { MOST_PASS_TOKENS } from "./sizes.ts";

export const gather: Schedule = {
  kind: "gather",
  summary: "all-gather of token rows, local partial sums, reduce-scatter",
  axisRule,
  layerProblems,
  lower,
  mostPassTokens: (ep) => Math.floor(MOST_PASS_TOKENS / ep),
  files: ["experts", "kernel", "routing", "shapes", "transport"].map((name) => ({
    file: `${name}.py`,
    template: `gather/${name}`,
    context: gatherContext,
  })),
};
