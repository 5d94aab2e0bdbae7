/** What the schedule does not take of a layer. */
import { layerProblems as sizes } from "../../kernel/feed-forward/rules.ts";
import type { Schedule } from "../schedule.ts";

/** Sizes that fill no tiles, and what other schedules have alone. */
export const layerProblems: Schedule["layerProblems"] = (layer) => {
  const problems: ReturnType<Schedule["layerProblems"]>[number][] = [...sizes(layer)];
  const refuse = (field: (typeof problems)[number]["field"], message: string): void => {
    problems.push({ field, message: `schedule runs has no ${message}`, nearest: [] });
  };
  if (layer.wire?.combine !== undefined) {
    refuse("wire", `wire.combine: sums return as ${layer.dtype}`);
  }
  if (layer.identityExperts !== undefined) {
    refuse("identityExperts", "identityExperts: use another kind");
  }
  if (layer.deterministic === true) {
    refuse("deterministic", "deterministic: a token's own device adds its sums first");
  }
  return problems;
};
