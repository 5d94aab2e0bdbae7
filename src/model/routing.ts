/** How families of DeepSeek-V3's kind write their routing in a `config.json`. */
import type { ExpertGroups, Scoring } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";

/** The scoring that the config names, under either of its names. */
export function scoringOf(config: ConfigReader, fallback: Scoring): Scoring {
  const value = config.get("score_function") ?? config.get("scoring_func") ?? fallback;
  if (value === "sigmoid" || value === "softmax") return value;
  config.report({
    code: "MOE303",
    layerField: "routing",
    configField: "score_function",
    message: `score_function ${JSON.stringify(value)} is not a scoring the kernel has`,
    nearest: ["softmax", "sigmoid"],
  });
  return fallback;
}

/** Groups only where they leave something out: all of them kept is a plain top-k. */
export function groupsOf(config: ConfigReader): ExpertGroups | undefined {
  const count = config.number("n_group", 1);
  const kept = config.number("topk_group", count);
  return kept < count ? { count, kept, score: "sum_of_top_2" } : undefined;
}
