/** The feed-forward of one row tile of one routed expert: gate and up, activation, down. */
import { inHbm } from "../../plan/call.ts";
import { hasGate, projections } from "../../spec/formats.ts";
import { activationName } from "../api/layer.ts";
import { type Dim, FLOAT, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { expertTiles } from "../load.ts";
import { rows as overRows } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { gatheredTiles } from "../rows/gathered.ts";
import { fillsLanes, LANES, SUBLANES } from "../rows/layout.ts";
import { elementType, operandType, rowColumns, wordType } from "../rows/types.ts";
import { tileDims } from "../weights/part.ts";
import { weightBuffers, weightStreams } from "../weights/scales.ts";
import { tileShapeOf } from "../weights/tile-shape.ts";
import { feedForwardBlocks, productTexts } from "./blocks.ts";
import { scalesRows, weighsRows, weightsRead } from "./row-scales.ts";
import { rowMultiple } from "./rules.ts";

const lanes: Dim = ["LANES", LANES];

/** Buffers of an intermediate tile's projections where weights are streamed. */
export function projectionBuffers({ layer, tiles }: KernelInput): readonly string[] {
  if (!hasGate(layer)) return ["up_sums"];
  return tileShapeOf(layer, tiles).wide ? ["gate_up_sums"] : ["gate_sums", "up_sums"];
}

/** The scales of the operand's rows, where projections of them are scaled. */
function rowScales({ layer }: Pick<KernelInput, "layer">): readonly string[] {
  return scalesRows(layer) ? ["row_scales"] : [];
}

/** Rows at hand: of a tile, or of a block where the weights stream by. */
function rowDims({ tiles, streamed }: KernelInput) {
  const bt: Dim = ["s.tiles.bt", tiles.bt];
  const block: Dim = ["s.row_block", tiles.rowBlock];
  return { bt, block, held: streamed ? block : bt };
}

/** Where the weights stream by, all rows of a block stay, and what becomes of them. */
function streamedBuffers(input: KernelInput) {
  const { layer, tiles } = input;
  const { block } = rowDims(input);
  const { bf, bd, columnsF, bothF, wide } = tileDims(input);
  const operand = operandType(input);
  const activated = layer.quantization?.activations !== undefined;
  const whole = fillsLanes(layer.intermediate);
  const cutF: Dim = ["INTERMEDIATE_SIZE // s.tiles.bf", layer.intermediate / tiles.bf];
  const cutD: Dim = ["HIDDEN_SIZE // s.tiles.bd", layer.hidden / tiles.bd];
  const gateSums = vmem(
    "gate_sums",
    [block, columnsF],
    FLOAT,
    "gate projection of one intermediate tile",
  );
  const columns: Dim = fillsLanes(layer.hidden)
    ? bd
    : ["s.operand_columns", tileShapeOf(layer, tiles).operandColumns];
  return [
    vmem(
      "operand",
      [cutD, block, columns],
      operand,
      "rows of one expert as matrix operand, by hidden tile",
    ),
    ...(wide
      ? [vmem("gate_up_sums", [block, bothF], FLOAT, "gate and up projections")]
      : [
          ...(hasGate(layer) ? [gateSums] : []),
          vmem("up_sums", [block, columnsF], FLOAT, "up projection of one intermediate tile"),
        ]),
    vmem(
      "activations",
      whole ? [block, bf] : [cutF, block, bf],
      activated ? operand : elementType(layer),
      whole
        ? "activated rows of one intermediate tile"
        : "activated rows, by rows of the down tiles",
    ),
    ...(activated
      ? [vmem("activation_scales", [block, lanes], FLOAT, "scales of the activated rows")]
      : []),
    ...(activated && layer.sharedExperts !== undefined
      ? [
          vmem(
            "shared_activations",
            [block, bf],
            elementType(layer),
            "activated rows of the shared experts",
          ),
        ]
      : []),
  ];
}

function buffers(input: KernelInput) {
  const { layer, layout, tiles, streamed, rows } = input;
  const { bt, held } = rowDims(input);
  const at = inHbm(rows) ? [gatheredTiles(input)] : [];
  const gathered: Dim = ["s.tiles.bt * ROW_PITCH", Math.max(tiles.bt, 16) * layout.rowPitch];
  const results: Dim = [
    `${held[0]} // SUBLANES * SUM_ROW * TILE_PITCH`,
    (held[1] / SUBLANES) * layout.sumRow * layout.tilePitch,
  ];
  const columns = rowColumns(layer, layout);
  return [
    vmem(
      "gathered_rows",
      [...at, gathered, lanes],
      wordType(layout),
      inHbm(rows)
        ? "packed rows of row tiles, side by side"
        : "packed rows of one expert, side by side; and of tokens that come or go",
      at[0]?.[1],
    ),
    ...(scalesRows(layer)
      ? [vmem("row_scales", [held, lanes], FLOAT, "scales of the operand's rows")]
      : []),
    ...(streamed
      ? streamedBuffers(input)
      : [
          vmem(
            "operand",
            [bt, columns],
            operandType(input),
            "rows of one expert as matrix operand",
          ),
        ]),
    vmem("result_tiles", [results, lanes], FLOAT, "results in tiles of 8 rows by 128 columns"),
  ];
}

/** Bodies for so many rows at most: gate and up, activation, down. */
function bodies(frame: Frame): readonly Draft[] {
  const { layer, tiles, load, btc } = frame;
  /** The body that the average expert's rows take. */
  const average = btc.find((count) => load.typicalRows <= count) ?? tiles.bt;
  const flops = 2 * layer.hidden * layer.intermediate * load.routedRows;
  return btc.flatMap((count) => body(frame, count, count === average ? flops : undefined));
}

/** `flops` of down in one call; absent: the average expert's rows take another body. */
function body(frame: Frame, count: number, flops: number | undefined): readonly Draft[] {
  const { layer, load, streamed } = frame;
  const weightTiles = expertTiles(frame);
  const { down } = weightBuffers(layer);
  const quantized = layer.quantization?.activations !== undefined;
  const trips = flops === undefined ? 0 : load.rowTiles;
  const each = {
    place: "products",
    per: "row tile",
    rows: count,
    overlaps: weightStreams(layer),
  } as const;
  const operands = ["operand", ...rowScales(frame), "gate_up_tiles"];
  if (!streamed) {
    return [
      {
        name: `feed_forward_${count}`,
        meaning:
          `gate and up projection, ${activatedText(frame)}, ` +
          `down projection, at most ${count} rows`,
        reads: [...operands, ...(layer.biases === true ? ["gate_up_biases"] : []), ...down],
        writes: ["result_tiles"],
        ...each,
        trips,
        flops: (projections(layer) + 1) * (flops ?? 0),
      },
    ];
  }
  const scales = quantized ? ["activation_scales"] : [];
  return [
    {
      name: `gate_up_${count}`,
      meaning: `gate and up projection, at most ${count} rows`,
      reads: operands,
      writes: projectionBuffers(frame),
      ...each,
      trips: trips * weightTiles.gateUp,
      flops: projections(layer) * (flops ?? 0),
    },
    {
      name: `down_${count}`,
      meaning: `down projection, at most ${count} rows`,
      reads: ["activations", ...scales, ...down],
      writes: ["result_tiles"],
      ...each,
      trips: trips * weightTiles.down,
      flops: flops ?? 0,
    },
  ];
}

function activatedText({ layer }: Frame): string {
  const text = activationName(layer.activation);
  return layer.quantization?.activations === undefined ? text : `${text}, quantised by row`;
}

function stages(frame: Frame): readonly Draft[] {
  const { layer, load, streamed } = frame;
  const overlaps = weightStreams(layer);
  const quantized = layer.quantization?.activations !== undefined;
  const operand: Draft = {
    name: "operand",
    meaning: "the rows as matrix operand",
    reads: ["gathered_rows", ...(weighsRows(layer) ? weightsRead(frame) : [])],
    writes: ["operand", ...rowScales(frame)],
    per: "row tile",
    trips: load.rowTiles,
    loops: [overRows(rowMultiple(layer))],
    overlaps,
  };
  if (!streamed) return [operand, ...bodies(frame)];
  const activation: Draft = {
    name: "activation",
    meaning: `${activationName(layer.activation)} of gate and up of all rows at hand`,
    reads: [
      ...[...projectionBuffers(frame), ...rowScales(frame)],
      ...(layer.biases === true ? ["gate_up_biases"] : []),
    ],
    writes: ["activations", ...(quantized ? ["activation_scales"] : [])],
    per: "weight tile",
    trips: load.readExperts * load.reads * expertTiles(frame).intermediate,
    loops: [overRows(rowMultiple(layer))],
    overlaps,
  };
  return [operand, ...bodies(frame), activation];
}

export const feedForward: Part = {
  modules: () => [{ name: "feed_forward", template: "kernel/feed_forward/feed_forward" }],
  context: productTexts,
  blocks: feedForwardBlocks,
  buffers,
  stages,
};
