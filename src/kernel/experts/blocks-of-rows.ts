/** Blocks of rows that a device's experts can have in a pass, whatever the routing. */
import { localExperts } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { Dim } from "../declaration.ts";
import type { KernelInput } from "../frame.ts";

/** Most experts of a token that a device has: MOST_LOCAL of the template. */
export function mostLocal(
  layer: Pick<LayerSpec, "topK" | "experts" | "heldExperts">,
  ep: number,
): number {
  return Math.min(layer.topK, localExperts(layer, ep));
}

/** Blocks of rows of all experts there can be at most, where each block is a turn of its own. */
export function blocksOf({ layer, ep, sizes, tiles }: KernelInput): Dim {
  const most = mostLocal(layer, ep);
  return [
    `LOCAL_EXPERTS + s.all_tokens * ${most} // s.row_block + 1`,
    localExperts(layer, ep) + Math.floor((sizes.allTokens * most) / tiles.rowBlock) + 1,
  ];
}
