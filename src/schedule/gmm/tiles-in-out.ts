/** Row tiles on their way: token rows in, a tile ahead of their use, and results out behind it. */
import { type Dim, dma, FLOAT, TWO, vmem } from "../../kernel/declaration.ts";
import { GROUP, ROW_TILES, rows } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { elementType, wordType } from "../../kernel/rows/types.ts";
import { weightStreams } from "../../kernel/weights/scales.ts";
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
    const operand: readonly Dim[] = [TWO, bt, ["HIDDEN_SIZE", layer.hidden]];
    return [
      vmem("operand", operand, elementType(layer), "rows of a row tile", 2),
      vmem(
        "results",
        [TWO, ["s.tiles.bt * ROW_PITCH", tiles.bt * words.pitch], ["LANES", LANES]],
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
    const bytes = load.routedRows * layer.hidden * (layer.dtype === "bfloat16" ? 2 : 4);
    const copies = Math.ceil(load.rowTiles * Math.ceil(load.typicalRows / GROUP));
    const moved = { remote: false, bytes, copies, slots: 2 } as const;
    return [
      {
        ...{ name: "rows_in", from: "HBM", to: "VMEM", source: "rows", destination: "operand" },
        ...{ issuedBy: "next_rows", awaitedBy: "await_rows", semaphore: "rows_arrived" },
        ...moved,
        meaning: "rows of the next row tile",
      },
      {
        ...{ name: "results_out", from: "VMEM", to: "HBM", source: "results" },
        ...{ destination: "output", issuedBy: "write_results", awaitedBy: "await_results" },
        ...moved,
        bytes: load.routedRows * 4 * LANES * wordsOf(layer).pitch,
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
    const none = { reads: [], writes: [] } as const;
    return [
      {
        name: "next_rows",
        meaning: "rows of the next row tile start",
        ...none,
        ...tile,
        // In tiles, an expert's weights are read for each row tile: that is one turn of it.
        ...(streamed ? { per: "expert" } : {}),
      },
      { name: "await_rows", meaning: "rows are here", reads: [], writes: ["operand"], ...tile },
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
