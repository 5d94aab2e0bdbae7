/** Which of their answers the functions of this schedule have in a plan. */
import { NO_BLOCK } from "../../kernel/part.ts";
import { passesBlocks } from "../../kernel/passes/blocks.ts";
import { pairsOrWords, sentAs } from "../../kernel/rows/packing.ts";
import { sumsGoStraight } from "../../kernel/rows/types.ts";
import { goByNeed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";

const HERE = "runs";
const SHARED = "kernel/passes";

/** Templates by the name of what they answer. */
export function runsBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh } = plan;
  const type = pairsOrWords(layer);
  const sent = sentAs(layer);
  const alone = mesh.ep === 1;
  const ways = goByNeed(plan.kernels) ?? "devices";
  const between = (name: string): string => (alone ? NO_BLOCK : `${HERE}/${name}`);
  const byChips = (name: string): string => (ways === "chips" ? `${HERE}/chips/${name}` : NO_BLOCK);
  return {
    ...passesBlocks(plan),
    about_rows: `${HERE}/about_rows/${ways}`,
    meet: between("meet"),
    passes: `${SHARED}/in_turn`,
    routes: alone ? `${SHARED}/routes/alone` : `${HERE}/routes/${ways}`,
    finish: alone ? `${SHARED}/finish/alone` : `${HERE}/finish/${ways}`,
    pass_barrier: between("pass_barrier"),
    exchange: between("exchange"),
    each_chip: byChips("each_chip"),
    lists: between(`lists/${ways}`),
    hand_on: byChips("hand_on"),
    await_rows: between(`await_rows/${ways}`),
    routes_sent: `${SHARED}/routes_sent`,
    reduce_scatter: between(`return_sums/${ways}`),
    add_sums: between(`add_sums/${sumsGoStraight(layer) ? "in_order" : "as_they_come"}`),
    round_group: between(`round_group/${sent === "int8" ? sent : "rounded"}`),
    pack_sum: alone || sent === "int8" ? NO_BLOCK : `${SHARED}/pack_sum/${sent}`,
    add_sum: alone ? NO_BLOCK : `${SHARED}/add_sum/${sent}`,
    write_output: `${SHARED}/write_output/rows`,
    token_sum: `${SHARED}/token_sum/${type}`,
    add_parts: NO_BLOCK,
    await_sums_sent: between(`await_sums_sent/${ways}`),
  };
}
