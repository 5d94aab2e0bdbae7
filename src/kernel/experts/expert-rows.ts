/** One expert's rows out of those that all devices brought, and its results to the tokens' sums. */
import { type Held, inHbm, listsInHbm, sumsInHbm, withSums } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { type Dim, smem } from "../declaration.ts";
import { weighsRows, weightsRead } from "../feed-forward/row-scales.ts";
import type { Frame } from "../frame.ts";
import { DEVICES, GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { routesAll } from "../routing/all-tokens.ts";
import { weightStreams } from "../weights/scales.ts";
import { mostLocal } from "./blocks-of-rows.ts";
import { blockResults } from "./results-in-hbm.ts";
import {
  expertBuffers,
  expertCopies,
  expertSemaphores,
  expertStages,
  MERGED,
} from "./rows-in-hbm.ts";
import {
  type AroundCombine,
  blockSums,
  combinesByGroup,
  eachGroup,
  sumsByGroup,
} from "./sums-in-hbm.ts";

/** What says to whom results go, and what they weigh; to a block's sums they go as they come. */
function entriesRead(held: Held, weighed: boolean): readonly string[] {
  if (!weighed) return weightsRead(held);
  return listsInHbm(held) ? [] : ["expert_entries"];
}

function combine(frame: Frame): Draft {
  const { layer, load, streamed, rows: held } = frame;
  const weighed = weighsRows(layer);
  const inBlock = withSums(held);
  const sums = resultsPlace(held);
  return {
    name: "combine",
    meaning: weighed
      ? "results of weighed rows added to their tokens' sums"
      : "weighted results added to their tokens' sums",
    reads: [
      ...["result_tiles", ...entriesRead(frame, weighed)],
      ...(held === "hbm with results" ? [] : [sums]),
      ...(layer.biases === true ? ["down_biases"] : []),
    ],
    writes: [sums],
    per: streamed ? "expert" : "row tile",
    trips: streamed ? load.readExperts * load.reads : load.rowTiles,
    loops: [rows(UNROLL)],
    flops: 2 * load.routedRows * layer.hidden,
    overlaps: weightStreams(layer),
    ...(inBlock && sumsByGroup(layer)
      ? { ...eachGroup(frame), loops: [{ ...rows(UNROLL), fixed: GROUP / UNROLL }] }
      : {}),
  };
}

/** Where `combine` puts results: with the sums of all tokens or of a block's, or side by side. */
function resultsPlace(held: Frame["rows"]): string {
  if (held === "hbm with results") return "block_results";
  return held === "hbm with sums" ? "block_sums" : "token_sums";
}

/** What goes between VMEM and HBM around it; undefined: nothing. */
function aroundCombine(held: Frame["rows"]): AroundCombine | undefined {
  if (held === "hbm with results") return blockResults;
  return held === "hbm with sums" ? blockSums : undefined;
}

/** Where `combine` adds results: to the sums of all tokens, or to those of a block's. */
function summedIn({ layer, kernels }: Plan): Readonly<Record<string, string>> {
  if (!sumsInHbm(kernels)) {
    return { summedIn: "token_sums", summedShape: "(all_tokens * SUM_ROW + SUM_ROW, LANES)" };
  }
  const shape = sumsByGroup(layer) ? "ROW_GROUP * SUM_ROW" : "row_block * SUM_PITCH";
  return { summedIn: "block_sums", summedShape: `(${shape}, LANES)` };
}

export const expertRows: Part = {
  buffers: (input) => {
    if (inHbm(input.rows)) {
      return [...expertBuffers(input), ...(aroundCombine(input.rows)?.buffers(input) ?? [])];
    }
    const { sizes } = input;
    const merged: Dim = ["s.all_tokens + ROW_GROUP", sizes.allTokens + GROUP];
    return [smem("expert_entries", [merged], "entries of one expert, of all devices")];
  },
  context: (plan) => ({
    ...summedIn(plan),
    biasSlot: plan.layer.biases === true ? "bias_slot, " : "",
    biasedResult: plan.layer.biases === true ? "(result + bias)" : "result",
    mostLocal: mostLocal(plan.layer, plan.mesh.ep),
    merged: MERGED,
    combinedText: combinesByGroup(plan) ? "rows `begin` to `end` of a block" : "`count` rows",
  }),
  semaphores: (input) => [
    ...(inHbm(input.rows) ? expertSemaphores(input) : []),
    ...(aroundCombine(input.rows)?.semaphores(input) ?? []),
  ],
  streams: (frame) => [
    ...(inHbm(frame.rows) ? expertCopies(frame) : []),
    ...(aroundCombine(frame.rows)?.streams(frame) ?? []),
  ],
  stages: (frame) => {
    if (inHbm(frame.rows)) {
      const around = aroundCombine(frame.rows)?.stages(frame) ?? [];
      return [...expertStages(frame), combine(frame), ...around];
    }
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
