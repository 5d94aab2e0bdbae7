/** Row tiles on their way: token rows in, a tile ahead of their use, and results out behind it. */
import { type Dim, dma, FLOAT, TWO, vmem } from "../../kernel/declaration.ts";
import { rowMultiple } from "../../kernel/feed-forward/rules.ts";
import { GROUP, ROW_TILES, rows } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { wordType } from "../../kernel/rows/types.ts";
import { weightStreams } from "../../kernel/weights/scales.ts";
import type { Stream } from "../../plan/plan.ts";
import { arrivesIn, heldBytes, operandBuffers, scaleStream, widened } from "./operand.ts";
import { wordsOf } from "./words.ts";

type Tile = Pick<Draft, "trips" | "loops" | "overlaps">;

/** Sums over tiles of weights are cleared before the first. */
function cleared(tile: Tile): Draft {
  const meaning = "sums of a row tile cleared";
  return { name: "zero_sums", meaning, reads: [], writes: ["sums"], ...tile, per: "row tile" };
}

/** Behind the last they leave as packed rows. */
function packed(tile: Tile): Draft {
  const meaning = "results of a row tile rounded and packed";
  const moved = { reads: ["sums"], writes: ["results"] };
  return { name: "round_results", meaning, ...moved, ...tile, per: "row tile" };
}

export const tilesInOut: Part = {
  buffers: ({ layer, layout, tiles, streamed }) => {
    const bt: Dim = ["s.tiles.bt", tiles.bt];
    const words = wordsOf(layer);
    return [
      ...operandBuffers(layer, bt),
      vmem(
        "results",
        [TWO, ["s.tiles.bt * ROW", tiles.bt * words.row], ["LANES", LANES]],
        wordType(layout),
        "packed results of a row tile",
        2,
      ),
      vmem(
        "sums",
        [bt, ["ROW_TILES * LANES", words.tiles * LANES]],
        FLOAT,
        `results of a row tile${streamed ? ", summed over tiles of weights" : ""}`,
      ),
    ];
  },
  semaphores: () => [
    dma("rows_arrived", TWO, "rows of a row tile in their slot"),
    dma("results_left", TWO, "results of a row tile out of their slot"),
  ],
  streams: ({ layer, load }) => {
    const copies = (group: number) =>
      Math.ceil(load.rowTiles * Math.ceil(load.typicalRows / group));
    const moved = { remote: false, slots: 2 } as const;
    const [destination = ""] = arrivesIn(layer);
    const rowsIn: Stream = {
      ...{ name: "rows_in", from: "HBM", to: "VMEM", source: "rows", destination },
      ...{ issuedBy: "next_rows", awaitedBy: "await_rows", semaphore: "rows_arrived" },
      ...moved,
      ...{ bytes: load.routedRows * heldBytes(layer), copies: copies(rowMultiple(layer)) },
      meaning: "rows of the next row tile",
    };
    const scales = { name: "row_scales_in", source: "scales_of_rows", count: load.routedRows };
    return [
      rowsIn,
      ...scaleStream(layer, rowsIn, scales),
      {
        ...{ name: "results_out", from: "VMEM", to: "HBM", source: "results" },
        ...{ destination: "output", issuedBy: "write_results", awaitedBy: "await_results" },
        ...moved,
        copies: copies(GROUP),
        bytes: load.routedRows * 4 * LANES * wordsOf(layer).row,
        semaphore: "results_left",
        meaning: "results of a row tile",
      },
    ];
  },
  stages: ({ layer, load, streamed }) => {
    const tile = {
      per: "row tile",
      trips: load.rowTiles,
      loops: [ROW_TILES, rows(GROUP)],
      overlaps: weightStreams(layer),
    } as const;
    const inTile = { ...tile, loops: [ROW_TILES, rows(rowMultiple(layer))] };
    const none = { reads: [], writes: [] } as const;
    return [
      {
        name: "next_rows",
        meaning: "rows of the next row tile start",
        ...none,
        ...inTile,
        // In tiles, an expert's weights are read for each row tile: that is one turn of it.
        ...(streamed ? { per: "expert" } : {}),
      },
      {
        ...{ name: "await_rows", meaning: "rows are here", reads: [] },
        ...{ writes: [...arrivesIn(layer)], ...inTile },
      },
      ...widened("operand", layer, inTile),
      {
        name: "await_results",
        meaning: "results of the last tile but one have left their slot",
        ...none,
        ...tile,
      },
      ...(streamed ? [cleared(tile)] : []),
      packed(tile),
      {
        name: "write_results",
        meaning: "results start to leave",
        reads: ["results"],
        writes: ["output"],
        ...tile,
      },
      {
        name: "last_results",
        meaning: "results of the last tiles have left",
        ...none,
        waits: ["results_out"],
        per: "pass",
        trips: 1,
        loops: [
          { over: "copies", each: 1, fixed: 2 },
          { over: "copies", each: 1, fixed: Math.ceil(load.typicalRows / GROUP) },
        ],
      },
    ];
  },
};
