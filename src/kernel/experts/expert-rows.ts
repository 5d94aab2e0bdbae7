/** One expert's rows out of those that all devices brought, and its results to the tokens' sums. */
import { type Dim, smem } from "../declaration.ts";
import { weighsRows } from "../feed-forward/row-scales.ts";
import type { Frame } from "../frame.ts";
import { DEVICES, GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { routesAll } from "../routing/all-tokens.ts";
import { weightStreams } from "../weights/scales.ts";
import { expertBuffers, expertCopies, expertSemaphores, expertStages } from "./rows-in-hbm.ts";

function combine({ layer, load, streamed }: Frame): Draft {
  const weighed = weighsRows(layer);
  return {
    name: "combine",
    meaning: weighed
      ? "results of weighed rows added to their tokens' sums"
      : "weighted results added to their tokens' sums",
    reads: [
      ...["result_tiles", "expert_entries", ...(weighed ? [] : ["all_routes"]), "token_sums"],
      ...(layer.biases === true ? ["down_biases"] : []),
    ],
    writes: ["token_sums"],
    per: streamed ? "expert" : "row tile",
    trips: streamed ? load.readExperts * load.reads : load.rowTiles,
    loops: [rows(UNROLL)],
    flops: 2 * load.routedRows * layer.hidden,
    overlaps: weightStreams(layer),
  };
}

export const expertRows: Part = {
  buffers: (input) => {
    if (input.rows === "hbm") return expertBuffers(input);
    const { sizes } = input;
    const merged: Dim = ["s.all_tokens + ROW_GROUP", sizes.allTokens + GROUP];
    return [smem("expert_entries", [merged], "entries of one expert, of all devices")];
  },
  semaphores: (input) => (input.rows === "hbm" ? expertSemaphores(input) : []),
  streams: (frame) => (frame.rows === "hbm" ? expertCopies(frame) : []),
  stages: (frame) => {
    if (frame.rows === "hbm") return [...expertStages(frame), combine(frame)];
    const { layer, ep, sizes, load } = frame;
    const overlaps = weightStreams(layer);
    return [
      {
        name: "merge",
        meaning: "one expert's rows of all devices in one list; next weights start",
        reads: ["all_routes"],
        writes: ["expert_entries"],
        per: "expert",
        trips: load.readExperts * load.reads,
        loops: routesAll(sizes, ep)
          ? [{ ...DEVICES, fixed: 1 }, rows(UNROLL)]
          : [DEVICES, { over: "rows of each device", each: UNROLL }],
        overlaps,
      },
      {
        name: "gather",
        meaning: "the expert's rows side by side",
        reads: ["token_rows", "expert_entries"],
        writes: ["gathered_rows"],
        per: "row tile",
        trips: load.rowTiles,
        loops: [ROW_TILES, rows(GROUP)],
        overlaps,
      },
      combine(frame),
    ];
  },
};
