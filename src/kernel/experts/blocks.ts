/** Which of their answers the functions of the loop over experts have in a plan. */
import {
  holdsTwoPasses,
  isStreamed,
  planGoesByBlock,
  planListsInHbm,
  resultsInHbm,
  rowsInHbm,
  sumsInHbm,
} from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { NO_BLOCK } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";
import { isTiled, leavesSlots, planShared } from "../shared-experts/spread.ts";
import { combinesByGroup } from "./sums-in-hbm.ts";

const HERE = "kernel/experts";

/** Whose weights the slots have before the routed experts': all of some tiles' slots, or fewer. */
type Turn = "none" | "one" | "tiles" | "few_tiles";

function sharedTurn(plan: Plan, streamed: boolean): Turn {
  const { layer, kernels } = plan;
  const shared = planShared(plan);
  if (shared === undefined) return "none";
  if (!isTiled(shared, streamed)) return "one";
  return leavesSlots(shared, layer, kernels, streamed) ? "few_tiles" : "tiles";
}

/** What is done before the first expert: without shared ones that wait for them, rows are awaited, if all at once. */
function beginBlock(turn: Turn, { kernels, mesh }: Pick<Plan, "kernels" | "mesh">): string {
  const { ep } = mesh;
  if (turn !== "none") return `after_${turn}`;
  if (ep === 1 || planGoesByBlock({ kernels, mesh })) return "alone";
  return holdsTwoPasses(kernels) ? "overlapped" : "distributed";
}

/** The loop itself: token rows come one by one where they lie in HBM. */
function runBlock(way: "streamed" | "resident", { kernels }: Plan): string {
  return `${HERE}/${way}/run_experts${rowsInHbm(kernels) ? "_from_hbm" : ""}`;
}

/** How the rows of the next block come: out of lists that are in HBM, or in SMEM. */
function bringBlock({ kernels }: Plan): string {
  if (!rowsInHbm(kernels)) return NO_BLOCK;
  return `${HERE}/streamed/bring_rows/${planListsInHbm(kernels) ? "listed" : "merged"}`;
}

/** Sums around a block's products: in VMEM, brought with all of its rows, or by chunks of them. */
function sumsBlocks(plan: Plan): Readonly<Record<string, string>> {
  const inHbm = sumsInHbm(plan.kernels);
  const results = resultsInHbm(plan.kernels);
  const way = results ? "by_entry" : combinesByGroup(plan) ? "by_group" : "whole";
  const of = (name: string): string => (inHbm ? `${HERE}/streamed/${name}/${way}` : NO_BLOCK);
  return {
    bring_sums: results ? NO_BLOCK : of("bring_sums"),
    sum_results: inHbm ? of("sum_results") : `${HERE}/streamed/sum_results/rows`,
    last_sums: of("last_sums"),
  };
}

/** Where a block's entries come from, of lists in SMEM. */
function listRows(plan: Plan): string {
  if (!rowsInHbm(plan.kernels)) return NO_BLOCK;
  if (planListsInHbm(plan.kernels)) return NO_BLOCK;
  return `${HERE}/streamed/list_rows/${planGoesByBlock(plan) ? "by_block" : "merged"}`;
}

/** Work is a block of an expert's rows, through weight tiles. */
function streamedBlocks(plan: Plan, turn: Turn): Readonly<Record<string, string>> {
  const { layer } = plan;
  const lanes = { hidden: fillsLanes(layer.hidden), intermediate: fillsLanes(layer.intermediate) };
  const tiles = lanes.hidden
    ? lanes.intermediate
      ? "lanes"
      : "ragged_intermediate"
    : lanes.intermediate
      ? "ragged_hidden"
      : "ragged";
  return {
    run_experts: runBlock("streamed", plan),
    bring_rows: bringBlock(plan),
    ...sumsBlocks(plan),
    list_rows: listRows(plan),
    list_work: `${HERE}/streamed/list_work/${planListsInHbm(plan.kernels) ? "kept" : "each_block"}`,
    tile_slots: `${HERE}/streamed/slots/${turn === "none" ? "first" : "after_shared"}`,
    weight_tiles: `${HERE}/streamed/weight_tiles/${tiles}`,
    begin_experts: `${HERE}/streamed/begin/${beginBlock(turn, plan)}`,
  };
}

const RESIDENT_SLOTS = {
  none: "first",
  one: "after_one",
  tiles: "after_tiles",
  few_tiles: "after_tiles",
} as const;

/** Templates by the name of what they answer. */
export function expertsBlocks(plan: Plan): Readonly<Record<string, string>> {
  const streamed = isStreamed(plan.kernels);
  const turn = sharedTurn(plan, streamed);
  if (streamed) return streamedBlocks(plan, turn);
  return {
    run_experts: runBlock("resident", plan),
    weight_slot: `${HERE}/resident/slot/${RESIDENT_SLOTS[turn]}`,
    begin_experts: `${HERE}/resident/begin/${beginBlock(turn, plan)}`,
  };
}
