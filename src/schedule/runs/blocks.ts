/** Which of their answers the functions of this schedule have in a plan. */
import { NO_BLOCK } from "../../kernel/part.ts";
import { passesBlocks } from "../../kernel/passes/blocks.ts";
import { pairsOrWords, sentAs } from "../../kernel/rows/packing.ts";
import { sumsGoStraight } from "../../kernel/rows/types.ts";
import { goByNeed, sumsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";

const HERE = "runs";
const SHARED = "kernel/passes";

/** What writes results: sums at hand, or from HBM, there with those that came back. */
function writeOutput(inHbm: boolean, alone: boolean): string {
  if (!inHbm) return `${SHARED}/write_output/rows`;
  return alone ? `${SHARED}/write_output/staged` : `${HERE}/hbm/write_output`;
}

/** Templates by the name of what they answer. */
export function runsBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh } = plan;
  const type = pairsOrWords(layer);
  const sent = sentAs(layer);
  const alone = mesh.ep === 1;
  const ways = goByNeed(plan.kernels) ?? "devices";
  const between = (name: string): string => (alone ? NO_BLOCK : `${HERE}/${name}`);
  const sums = sumsInHbm(plan.kernels);
  const held = (name: string): string => (alone ? NO_BLOCK : `${HERE}/hbm/${name}`);
  const byChips = (name: string): string => (ways === "chips" ? `${HERE}/chips/${name}` : NO_BLOCK);
  return {
    ...passesBlocks(plan),
    about_rows: `${HERE}/about_rows/${sums ? "hbm" : ways}`,
    meet: between("meet"),
    passes: `${SHARED}/in_turn`,
    routes: alone ? `${SHARED}/routes/alone` : `${HERE}/routes/${ways}`,
    finish: alone ? `${SHARED}/finish/alone` : `${HERE}/finish/${sums ? "hbm" : ways}`,
    pass_barrier: between("pass_barrier"),
    exchange: sums ? held("exchange") : between("exchange"),
    each_chip: byChips("each_chip"),
    lists: between(`lists/${ways}`),
    hand_on: byChips("hand_on"),
    await_rows: between(`await_rows/${sums ? "by_block" : ways}`),
    routes_sent: `${SHARED}/routes_sent`,
    reduce_scatter: sums ? held("return_sums") : between(`return_sums/${ways}`),
    add_sums: between(`add_sums/${sumsGoStraight(layer) ? "in_order" : "as_they_come"}`),
    round_group: between(`round_group/${sent === "int8" ? sent : "rounded"}`),
    pack_sum: alone || sent === "int8" ? NO_BLOCK : `${SHARED}/pack_sum/${sent}`,
    add_sum: alone ? NO_BLOCK : `${SHARED}/add_sum/${sent}`,
    write_output: writeOutput(sums, alone),
    add_returned: sums && !alone ? `${HERE}/hbm/add_returned/${type}` : NO_BLOCK,
    token_sum: `${SHARED}/token_sum/${type}`,
    add_parts: NO_BLOCK,
    await_sums_sent: sums ? NO_BLOCK : between(`await_sums_sent/${ways}`),
  };
}
