/** Which of their answers the functions of this schedule have in a plan. */
import { tokensReordered } from "../../kernel/api/arguments.ts";
import { weighsRows } from "../../kernel/feed-forward/row-scales.ts";
import { NO_BLOCK } from "../../kernel/part.ts";
import { mayRouteAll } from "../../kernel/routing/all-tokens.ts";
import { pairsOrWords } from "../../kernel/rows/packing.ts";
import { needsPassBarrier, packedPart, sumsGoStraight } from "../../kernel/rows/types.ts";
import { sharedOf } from "../../kernel/shared-experts/spread.ts";
import { holdsTwoPasses, passesMayOverlap, rowsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";

const HERE = "gather";
/** Above so many devices their partial sums are added in a loop: unrolled, the code outgrows it. */
const MOST_UNROLLED_DEVICES = 8;

/** What the kernel says of the tokens that shared experts compute on a device. */
function aboutShared({ layer, mesh: { ep } }: Plan): string {
  const shared = sharedOf(layer, ep);
  if (shared === undefined) return NO_BLOCK;
  if (shared.blocks === ep && ep > 1) return `${HERE}/about_shared/all`;
  return `${HERE}/about_shared/${shared.blocks === 1 ? "own" : "groups"}`;
}

/** The same where passes overlap: packed where they are. */
function overlappedBlocks(type: string, ep: number): Readonly<Record<string, string>> {
  return {
    pack_sum: ep > 1 ? `${HERE}/pack_sum/${type}` : NO_BLOCK,
    add_sum: ep > 1 ? `${HERE}/add_sum/${type}` : NO_BLOCK,
    reduce_scatter: ep > 1 ? `${HERE}/reduce_scatter/in_place` : NO_BLOCK,
    write_output: `${HERE}/write_output/sums`,
  };
}

/** How a token's sums of all devices are added up. */
function resultBlocks(plan: Plan): Readonly<Record<string, string>> {
  const {
    layer,
    mesh: { ep },
    kernels,
  } = plan;
  const type = pairsOrWords(layer);
  if (rowsInHbm(kernels) || passesMayOverlap(plan)) return overlappedBlocks(type, ep);
  const straight = ep > 1 && sumsGoStraight(layer);
  const devices = ep > MOST_UNROLLED_DEVICES ? "many" : "few";
  const relayed = ep > 1 && !straight;
  const ordered = layer.deterministic === true;
  return {
    token_sum: `${HERE}/token_sum/${straight ? (ordered ? "ordered" : "own_first") : type}`,
    pack_sum: relayed ? `${HERE}/pack_sum/${type}` : NO_BLOCK,
    add_sum: relayed ? `${HERE}/add_sum/${type}` : NO_BLOCK,
    add_parts: straight
      ? `${HERE}/add_parts/${ordered ? "ordered" : "own_first"}_${devices}`
      : NO_BLOCK,
    store_rows: `${HERE}/store_rows/${type}`,
    write_output: `${HERE}/write_output/rows`,
    reduce_scatter:
      ep === 1 ? NO_BLOCK : `${HERE}/reduce_scatter/${straight ? "straight" : "rows"}`,
    await_sums_sent:
      ep === 1 ? NO_BLOCK : `${HERE}/await_sums_sent/${straight ? "straight" : "parts"}`,
  };
}

/** Who routes which tokens, and what then goes between devices. */
function routesBlocks({ layer, mesh, kernels }: Plan): Readonly<Record<string, string>> {
  const all = mayRouteAll(layer, mesh.ep, holdsTwoPasses(kernels));
  const given = layer.routing.where !== "kernel";
  const valid = `${HERE}/valid_tokens/${tokensReordered(mesh) ? "reordered" : "plain"}`;
  return {
    valid_tokens: all ? NO_BLOCK : valid,
    start_logits: given ? NO_BLOCK : `${HERE}/start_logits/${all ? "all" : "own"}`,
    routes: `${HERE}/routes/${all ? "all" : "own"}`,
    routes_sent: `${HERE}/${all ? "logits_out" : "routes_sent"}`,
  };
}

/** Templates by the name of what they answer. */
export function gatherBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh, kernels } = plan;
  const inHbm = rowsInHbm(kernels);
  const distributed = mesh.ep > 1;
  const straight = sumsGoStraight(layer);
  const overlap = passesMayOverlap(plan);
  const sizes = packedPart(layer) === "PART_ROW" && !straight ? "rows_and_sums" : "rows";
  return {
    about_shared: aboutShared(plan),
    exchange: distributed ? `${HERE}/exchange` : NO_BLOCK,
    block_part: `${HERE}/block_part/${inHbm ? "hbm" : overlap ? "rows" : sizes}`,
    sums_copy: `${HERE}/sums_copy/${overlap ? "in_place" : straight ? "straight" : sizes}`,
    combine: `${HERE}/combine/${weighsRows(layer) ? "unweighed_" : ""}${layer.biases === true ? "biased" : "plain"}`,
    weigh_rows: weighsRows(layer) ? `${HERE}/weigh_rows` : NO_BLOCK,
    about_rows: `${HERE}/about_rows/${inHbm ? "hbm" : overlap ? "two_passes" : "vmem"}`,
    passes: `${HERE}/passes/${overlap ? "overlapped" : "in_turn"}`,
    finish: `${HERE}/finish/${distributed ? "distributed" : "alone"}`,
    pass_barrier:
      distributed && !overlap && needsPassBarrier(layer) ? `${HERE}/pass_barrier` : NO_BLOCK,
    ...routesBlocks(plan),
    ...resultBlocks(plan),
  };
}
