/** Which of their answers the functions of this schedule have in a plan. */
import { NO_BLOCK } from "../../kernel/part.ts";
import { passesBlocks } from "../../kernel/passes/blocks.ts";
import { planRoutesAll } from "../../kernel/routing/all-tokens.ts";
import { pairsOrWords, sentAs } from "../../kernel/rows/packing.ts";
import { needsPassBarrier, packedPart, sumsGoStraight } from "../../kernel/rows/types.ts";
import {
  passesMayOverlap,
  planListsInHbm,
  resultsInHbm,
  rowsInHbm,
  sumsInHbm,
} from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";

const HERE = "gather";
const SHARED = "kernel/passes";
/** Above so many devices their partial sums are added in a loop: unrolled, the code outgrows it. */
const MOST_UNROLLED_DEVICES = 8;

/** How sums are packed where they leave: to the rows' place, `in_place` or a `chunk` of them; and added where they arrive. */
function relayedBlocks(
  layer: Plan["layer"],
  where: "rows" | "in_place" | "chunk",
): Readonly<Record<string, string>> {
  const type = sentAs(layer);
  // Float32 leaves from where it is.
  const asTheyAre = type === "words" && where === "in_place";
  const own = `${HERE}/pack_part/${where}${type === "int8" ? "_int8" : ""}`;
  const pack = where === "chunk" && type !== "int8" ? `${SHARED}/pack_chunk` : own;
  return {
    pack_part: asTheyAre ? NO_BLOCK : pack,
    pack_sum: type === "int8" ? NO_BLOCK : `${SHARED}/pack_sum/${type}`,
    add_sum: `${SHARED}/add_sum/${type}`,
  };
}

/** The same where passes overlap: packed where they are. */
function overlappedBlocks(
  layer: Plan["layer"],
  ep: number,
  sums: boolean,
  results: boolean,
): Readonly<Record<string, string>> {
  const of = results ? "results" : "brought";
  return {
    ...(ep > 1 ? relayedBlocks(layer, sums ? "chunk" : "in_place") : {}),
    ...(ep > 1 && sums
      ? {
          part_sums: `${HERE}/part_sums/${of}`,
          first_sums: `${HERE}/first_sums/${of}`,
          chunk_sums: `${HERE}/chunk_sums/${of}`,
        }
      : {}),
    sums_steps: ep > 1 ? `${HERE}/sums_steps/${sums ? "by_part" : "relayed"}` : NO_BLOCK,
    reduce_scatter: ep > 1 ? `${HERE}/reduce_scatter/${sums ? "in_hbm" : "in_place"}` : NO_BLOCK,
    write_output: `${SHARED}/write_output/${sums ? "staged" : "sums"}`,
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
  if (rowsInHbm(kernels) || passesMayOverlap(plan)) {
    return overlappedBlocks(layer, ep, sumsInHbm(kernels), resultsInHbm(kernels));
  }
  const straight = ep > 1 && sumsGoStraight(layer);
  const devices = ep > MOST_UNROLLED_DEVICES ? "many" : "few";
  const relayed = ep > 1 && !straight;
  return {
    token_sum: `${SHARED}/token_sum/${straight ? "ordered" : type}`,
    ...(relayed ? relayedBlocks(layer, "rows") : {}),
    add_parts: straight ? `${HERE}/add_parts/ordered_${devices}` : NO_BLOCK,
    write_output: `${SHARED}/write_output/rows`,
    reduce_scatter:
      ep === 1 ? NO_BLOCK : `${HERE}/reduce_scatter/${straight ? "straight" : "rows"}`,
    await_sums_sent:
      ep === 1 ? NO_BLOCK : `${HERE}/await_sums_sent/${straight ? "straight" : "parts"}`,
  };
}

/** Who routes which tokens, and what then goes between devices. */
function routesBlocks(plan: Plan): Readonly<Record<string, string>> {
  const all = planRoutesAll(plan);
  const alone = plan.mesh.ep === 1;
  return {
    routes: all ? `${HERE}/routes/all` : alone ? `${SHARED}/routes/alone` : `${HERE}/routes/own`,
    routes_sent: all ? `${HERE}/logits_out` : `${SHARED}/routes_sent`,
  };
}

/** Templates by the name of what they answer. */
export function gatherBlocks(plan: Plan): Readonly<Record<string, string>> {
  const { layer, mesh, kernels } = plan;
  const inHbm = rowsInHbm(kernels);
  const sums = sumsInHbm(kernels);
  const distributed = mesh.ep > 1;
  const straight = sumsGoStraight(layer);
  const overlap = passesMayOverlap(plan);
  const sizes = packedPart(layer) === "PART_ROW" && !straight ? "rows_and_sums" : "rows";
  return {
    ...passesBlocks(plan),
    list_parts: sums && distributed ? `${HERE}/list_parts` : NO_BLOCK,
    of_pass: `${HERE}/of_pass/${resultsInHbm(kernels) ? "results" : planListsInHbm(kernels) ? "listed" : "plain"}`,
    meet: distributed ? `${HERE}/meet` : NO_BLOCK,
    exchange: distributed ? `${HERE}/exchange` : NO_BLOCK,
    block_part: `${HERE}/block_part/${inHbm ? "hbm" : overlap ? "rows" : sizes}`,
    sums_copy: `${HERE}/sums_copy/${overlap ? "in_place" : straight ? "straight" : sizes}`,
    about_rows: `${HERE}/about_rows/${inHbm ? `hbm${resultsInHbm(kernels) ? "_with_results" : sums ? "_with_sums" : ""}` : overlap ? "two_passes" : "vmem"}`,
    passes: overlap ? `${HERE}/passes/overlapped` : `${SHARED}/in_turn`,
    finish: distributed ? `${HERE}/finish/distributed` : `${SHARED}/finish/alone`,
    pass_barrier:
      distributed && !overlap && needsPassBarrier(layer) ? `${HERE}/pass_barrier` : NO_BLOCK,
    ...routesBlocks(plan),
    ...resultBlocks(plan),
  };
}
