/** The loop over the local experts that have rows. */

import { listsInHbm, planGoesByBlock, planListsInHbm } from "../../plan/call.ts";
import { localExperts } from "../../spec/formats.ts";
import { type Dim, smem } from "../declaration.ts";
import type { Frame } from "../frame.ts";
import type { DraftLoop } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { expertStreams } from "../weights/part.ts";
import { sharedStreams } from "../weights/scales.ts";
import { expertsBlocks } from "./blocks.ts";
import { blocksOf } from "./blocks-of-rows.ts";

const EXPERTS: DraftLoop = { over: "local experts", each: 1 };

/** Weights that do not wait for the routing: at entry, and before the sums of a pass leave. */
function firstWeights(frame: Frame): readonly Draft[] {
  const { layer, tiles, sizes } = frame;
  const shared = layer.sharedExperts === undefined ? [] : sharedStreams(layer);
  const common = {
    reads: [],
    writes: frame.streamed ? ["item_experts", "item_first_rows"] : ["active_experts"],
    starts: [...shared, ...expertStreams(frame)],
    early: tiles.early,
    loops: [],
  };
  const what = `weights of ${shared.length > 0 ? "the shared and " : ""}the first experts start`;
  const entry = `token rows and ${what}: they ask no other device`;
  const first: Draft = { name: "first_weights", meaning: entry, per: "call", trips: 1, ...common };
  if (sizes.passes === 1) return [first];
  const meaning = `${what}, for the next pass`;
  return [
    first,
    { name: "next_weights", meaning, per: "pass", trips: sizes.passes - 1, ...common },
  ];
}

export const experts: Part = {
  blocks: expertsBlocks,
  context: (plan) => {
    const listed = planListsInHbm(plan.kernels);
    return {
      /** A block's rows are awaited with it, and sums leave beside later ones. */
      byBlock: planGoesByBlock(plan),
      /** A block's rows start before the products of the one before: lists in SMEM say which. */
      bringsBefore: !(planGoesByBlock(plan) || planListsInHbm(plan.kernels)),
      /** How many reads of weights there are, and which one an item takes. */
      weightReads: listed ? "reads" : "items",
      itemRead: listed ? "read" : "item",
      listedWork: listed ? "items, reads" : "items",
      noWork: listed ? "(jnp.int32(0), jnp.int32(0))" : "jnp.int32(0)",
    };
  },
  buffers: (input) => {
    const { layer, ep, streamed } = input;
    if (!streamed) {
      const local: Dim = ["LOCAL_EXPERTS + 1", localExperts(layer, ep) + 1];
      return [smem("active_experts", [local], "local experts that have rows")];
    }
    const items = blocksOf(input);
    const reads = [
      smem("item_reads", [items], "which read of weights each block takes"),
      smem("read_experts", [items], "local expert of each read"),
    ];
    return [
      ...(listsInHbm(input) ? reads : []),
      smem("item_experts", [items], "local expert of each block of rows"),
      smem("item_first_rows", [items], "first row of each block"),
    ];
  },
  stages: (frame) => [
    ...firstWeights(frame),
    {
      name: "active_experts",
      meaning: "local experts that have rows; their weights start, as many as have slots",
      reads: [listsInHbm(frame) ? "expert_rows" : "all_routes"],
      writes: frame.streamed ? ["item_experts", "item_first_rows"] : ["active_experts"],
      starts: expertStreams(frame),
      per: "pass",
      trips: frame.sizes.passes,
      loops: frame.streamed ? [EXPERTS, { over: "row blocks", each: 1 }] : [EXPERTS],
    },
  ],
};
