/** What the kernel goes through: experts that have rows, and their row tiles. */
import { type Dim, smem } from "../../kernel/declaration.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import type { Part } from "../../kernel/part.ts";
import { expertStreams } from "../../kernel/weights/part.ts";
import { localExperts } from "../../spec/formats.ts";
import { roundOf } from "./sizes.ts";

/** Row tiles of one round at most: one begun for each expert. */
function rowTiles(input: KernelInput): Dim {
  const { layer, ep, sizes, tiles } = input;
  const { entries } = roundOf(layer, input, sizes.tokens);
  return ["s.row_tiles", localExperts(layer, ep) + Math.floor(entries / tiles.bt)];
}

export const work: Part = {
  buffers: (input) => {
    const { layer, ep, streamed } = input;
    const local: Dim = ["LOCAL_EXPERTS + 1", localExperts(layer, ep) + 1];
    const tiles = [rowTiles(input)];
    return [
      ...(streamed
        ? [smem("item_experts", tiles, "expert of each row tile")]
        : [
            smem("active_experts", [local], "experts that have rows"),
            smem("tile_experts", tiles, "place among them of each row tile's expert"),
          ]),
      smem("tile_first_rows", tiles, "first row of each row tile"),
      smem("tile_row_counts", tiles, "rows of each row tile"),
    ];
  },
  stages: (frame) => {
    const { streamed } = frame;
    const starts = expertStreams(frame);
    const listed = streamed ? ["item_experts"] : ["active_experts", "tile_experts"];
    return [
      {
        name: "list_tiles",
        meaning: "experts that have rows, and their row tiles",
        reads: [],
        writes: [...listed, "tile_first_rows", "tile_row_counts"],
        per: "pass",
        trips: 1,
        loops: [
          { over: "local experts", each: 1 },
          { over: "row tiles", each: 1, all: frame.load.rowTiles },
        ],
      },
      {
        name: "first_weights",
        meaning: "weights of the first experts start, as many as have slots",
        reads: listed.slice(0, 1),
        writes: [],
        starts,
        per: "pass",
        trips: 1,
      },
      // Tiles start as those before them are taken.
      ...(streamed
        ? []
        : [
            {
              name: "next_weights",
              meaning: "weights of an expert start, a slot ahead of their use",
              reads: listed.slice(0, 1),
              writes: [],
              starts,
              per: "expert",
              trips: frame.load.readExperts,
            } as const,
          ]),
    ];
  },
};
