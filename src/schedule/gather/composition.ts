/** The parts of the schedule, and the order of their stages. */
import { api } from "../../kernel/api/part.ts";
import { collectives } from "../../kernel/collectives/part.ts";
import { constants } from "../../kernel/constants.ts";
import { devices } from "../../kernel/devices/barrier.ts";
import { expertRows } from "../../kernel/experts/expert-rows.ts";
import { experts } from "../../kernel/experts/part.ts";
import { feedForward } from "../../kernel/feed-forward/part.ts";
import type { Composition, Part } from "../../kernel/part.ts";
import { passesModules } from "../../kernel/passes/blocks.ts";
import { routing } from "../../kernel/routing/part.ts";
import { routesOut } from "../../kernel/routing/routes-out.ts";
import { resultOut } from "../../kernel/rows/result-out.ts";
import { tokensIn } from "../../kernel/rows/tokens-in.ts";
import { shapes } from "../../kernel/shapes.ts";
import { sharedExperts } from "../../kernel/shared-experts/part.ts";
import { biases } from "../../kernel/weights/biases.ts";
import { weights } from "../../kernel/weights/part.ts";
import type { Stage, Turn } from "../../plan/plan.ts";
import { gatherBlocks } from "./blocks.ts";
import { rowsOut } from "./rows-out.ts";
import { sumsOut } from "./sums-out.ts";

/** The kernel's body, rows and sums between memories and devices, and the loop over experts. */
const body: Part = {
  modules: passesModules,
  blocks: gatherBlocks,
};

/** Stages of the passes that come and leave, where passes overlap, in their order. */
const TURNS: readonly (readonly [name: string, turn: Turn])[] = [
  ["all_gather_rows", { of: "coming", at: "first" }],
  ["route", { of: "coming", at: "first" }],
  ["sort", { of: "coming", at: "first" }],
  ["first_results", { of: "leaving", at: "first" }],
  ["reduce_scatter", { of: "leaving", at: "beside" }],
  ["sum_results", { of: "leaving", at: "within" }],
  ["await_rows", { of: "coming", at: "beside" }],
  ["send_routes", { of: "coming", at: "last" }],
  ["write_output", { of: "leaving", at: "last" }],
  ["clear_sums", { of: "coming", at: "soon" }],
  ["load_rows", { of: "next", at: "last" }],
  ["exchange_routes", { of: "coming", at: "last" }],
  ["pass_barrier", { of: "taken", at: "before the end" }],
];

/** Stages in the order in which they run where passes overlap, each with its turn. */
export function inTurns(stages: readonly Stage[]): readonly Stage[] {
  const names = new Set(TURNS.map(([name]) => name));
  const call = stages.filter(({ per }) => per === "call");
  const taken = stages.filter(({ name, per }) => per !== "call" && !names.has(name));
  const at = (...places: readonly Turn["at"][]): readonly Stage[] =>
    TURNS.filter(([, turn]) => places.includes(turn.at)).flatMap(([name, turn]) =>
      stages.flatMap((stage) => (stage.name === name ? [{ ...stage, turn }] : [])),
    );
  const others = at("beside", "within", "soon", "last", "before the end");
  return [...call, ...at("first"), ...taken, ...others];
}

export const composition: Composition = {
  parts: [
    body,
    shapes,
    api,
    devices,
    collectives,
    tokensIn,
    routing,
    rowsOut,
    routesOut,
    sumsOut,
    weights,
    sharedExperts,
    biases,
    constants,
    feedForward,
    expertRows,
    experts,
    resultOut,
  ],
  first: [rowsOut, sumsOut],
  order: [
    ...[
      "first_weights",
      "barrier",
      "await_relays",
      "constants",
      "send_logits",
      "load_rows",
      "all_gather_rows",
    ],
    ...[
      "await_logits",
      "route",
      "sort",
      "sort_all",
      "send_routes",
      "relay_rows",
      "exchange_routes",
      "active_experts",
    ],
    ...["first_lists", "zero_sums", "await_rows", "shared_experts", "first_rows"],
    ...["merge", "gather", "await_gathered", "operand"],
    // Lists in SMEM are joined for the next block, those in HBM for the one after it.
    ...["merge_next", "gather_next", "await_weights", "await_biases"],
    ...["bring_sums", "gather_listed", "merge_listed", "bring_lists"],
    ...["products", "activation", "await_sums", "list_results", "await_results"],
    ...[
      "combine",
      "keep_sums",
      "keep_results",
      "more_sums",
      "last_sums",
      "last_results",
      "next_weights",
      "first_results",
      "reduce_scatter",
      "sum_results",
      "write_output",
      "clear_sums",
      "pass_barrier",
    ],
  ],
};
