/** Which of their answers the functions of a kernel in passes have in a plan, wherever its rows go. */
import {
  goByNeed,
  planGoesByBlock,
  planListsInHbm,
  resultsInHbm,
  rowsInHbm,
  sumsInHbm,
} from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { tokensReordered } from "../api/arguments.ts";
import { combinesByGroup } from "../experts/sums-in-hbm.ts";
import { weighsRows } from "../feed-forward/row-scales.ts";
import { type Module, NO_BLOCK } from "../part.ts";
import { planRoutesAll } from "../routing/all-tokens.ts";
import { pairsOrWords } from "../rows/packing.ts";
import { planShared } from "../shared-experts/spread.ts";

const HERE = "kernel/passes";

/** What the kernel says of the tokens that shared experts compute on a device. */
function aboutShared(plan: Plan): string {
  const { ep } = plan.mesh;
  const shared = planShared(plan);
  if (shared === undefined) return NO_BLOCK;
  if (shared.blocks === ep && ep > 1) return `${HERE}/about_shared/all`;
  return `${HERE}/about_shared/${shared.blocks === 1 ? "own" : "groups"}`;
}

/** Where `combine` adds a row's result: to its token's sums, or in the order of the entries. */
function sumPlaces(plan: Plan): string {
  const { layer } = plan;
  if (sumsInHbm(plan.kernels)) {
    const held = combinesByGroup(plan) ? "in_group" : "in_block";
    return weighsRows(layer) ? `${held}_unweighed` : held;
  }
  return weighsRows(layer) ? "by_token" : "by_entry";
}

/** Where an expert's entries are joined from, and in which order of the devices. */
function entriesBlock(plan: Plan): string {
  if (planListsInHbm(plan.kernels)) return "from_hbm";
  return planGoesByBlock(plan) ? "nearest_first" : "in_smem";
}

/** What sums begin at, and where they are. */
function zeroSums({ layer: { identityExperts }, mesh: { ep }, kernels }: Plan): string {
  if (resultsInHbm(kernels)) return "results";
  if (sumsInHbm(kernels)) {
    return ep === 1 ? "hbm" : goByNeed(kernels) === undefined ? "hbm_ahead" : "hbm_by_need";
  }
  return identityExperts === undefined ? "plain" : "identity";
}

/** The kernel's body, rows and sums between memories and devices, and the loop over experts. */
export function passesModules({ kernels }: Plan): readonly Module[] {
  const inHbm = rowsInHbm(kernels);
  return [
    { name: "kernel", template: `${HERE}/kernel` },
    { name: "transport", template: `${HERE}/transport` },
    { name: "experts", template: `${HERE}/${inHbm ? "hbm/" : ""}experts` },
  ];
}

/** Templates by the name of what they answer. */
export function passesBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh, kernels } = plan;
  const all = planRoutesAll(plan);
  const listed = planListsInHbm(kernels);
  const byGroup = combinesByGroup(plan);
  const results = resultsInHbm(kernels);
  const given = layer.routing.where !== "kernel";
  const valid = `${HERE}/valid_tokens/${tokensReordered(mesh) ? "reordered" : "plain"}`;
  return {
    about_shared: aboutShared(plan),
    combine: `${HERE}/combine/${weighsRows(layer) ? "unweighed_" : ""}${results ? "results" : layer.biases === true ? "biased" : "plain"}`,
    weigh_rows: weighsRows(layer) ? `${HERE}/weigh_rows` : NO_BLOCK,
    sum_places: `${HERE}/sum_places/${sumPlaces(plan)}`,
    zero_sums: `${HERE}/zero_sums/${zeroSums(plan)}`,
    identity_rows: `${HERE}/identity_rows/${pairsOrWords(layer)}`,
    combined_rows: `${HERE}/combined/${byGroup ? "rows_between" : "all_rows"}`,
    combined_groups: `${HERE}/combined/${byGroup ? "groups_between" : "all_groups"}`,
    row_sums: sumsInHbm(kernels) ? `${HERE}/hbm/row_sums` : NO_BLOCK,
    sums_copies: `${HERE}/hbm/row_sums/${results ? "by_entry" : byGroup ? "by_group" : "whole"}`,
    entries: rowsInHbm(kernels) ? `${HERE}/hbm/entries/${entriesBlock(plan)}` : NO_BLOCK,
    list_own: `${HERE}/routes/list_own/${listed ? "to_hbm" : "in_smem"}`,
    valid_tokens: all ? NO_BLOCK : valid,
    start_logits: given
      ? NO_BLOCK
      : `${HERE}/start_logits/${listed ? "listed" : all ? "all" : "own"}`,
    store_rows: `${HERE}/store_rows/${pairsOrWords(layer)}`,
  };
}
