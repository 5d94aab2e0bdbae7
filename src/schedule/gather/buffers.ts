/**
 * Buffers of the kernel, each declared once: the figure goes into the plan, the text into the
 * generated `scratch`.
 */
import { sharedApart, tokenRows } from "../../spec/formats.ts";
import type { BufferDeclaration, BufferInput, Dim } from "./declaration.ts";
import { fillsLanes, LANES, SUBLANES, TILE_PITCH } from "./layout.ts";
import { heldRows, operandType, packedPart } from "./row-types.ts";
import { scaleTiles } from "./scales.ts";
import { sharedTiles } from "./shared-buffers.ts";
import { tileShapeOf } from "./tile-shape.ts";

const lanes: Dim = ["LANES", LANES];

export function declareBuffers(input: BufferInput): readonly BufferDeclaration[] {
  const { layer, layout, ep, sizes: s, tiles, streamed } = input;
  const distributed = ep > 1;
  const element = { dtype: layer.dtype, dtypeText: "DTYPE" } as const;
  const operand = operandType(input);
  const activated = layer.quantization?.activations !== undefined;
  const partRow: Dim = [packedPart(layer), layout.partRow];
  const weight =
    layer.quantization === undefined
      ? element
      : ({ dtype: layer.quantization.weights, dtypeText: "WEIGHT_DTYPE" } as const);
  const word = { dtype: layout.word, dtypeText: "WORD" } as const;
  const float = { dtype: "float32", dtypeText: "jnp.float32" } as const;
  const int = { dtype: "int32", dtypeText: "jnp.int32" } as const;
  const choices: Dim = ["CHOICE_ROWS", layout.choiceRows];
  const laneTokens: Dim = ["s.lane_tokens", s.laneTokens];
  const devices: Dim = ["EP_SIZE", ep];
  const routeWords: Dim = ["s.route_words", s.routeWords];
  const merged: Dim = ["s.all_tokens + 16", s.allTokens + 16];
  const bt: Dim = ["s.tiles.bt", tiles.bt];
  const bf: Dim = ["s.tiles.bf", tiles.bf];
  const bd: Dim = ["s.tiles.bd", tiles.bd];
  const shape = tileShapeOf(layer, tiles);
  const wholeF: Dim = ["INTERMEDIATE_SIZE", layer.intermediate];
  const wholeD: Dim = ["HIDDEN_SIZE", layer.hidden];
  const padded = layout.paddedHidden !== layer.hidden;
  const rowColumns: Dim = [padded ? "PADDED_HIDDEN" : "HIDDEN_SIZE", layout.paddedHidden];
  const columnsF = fillsLanes(layer.intermediate) ? bf : wholeF;
  const columnsD = fillsLanes(layer.hidden) ? bd : wholeD;
  const slots: Dim = ["s.tiles.slots", tiles.slots];
  const block: Dim = ["s.row_block", tiles.rowBlock];
  const rowTile = Math.max(tiles.bt, 16);
  const found: BufferDeclaration[] = [];
  const vmem = (
    name: string,
    dims: readonly Dim[],
    type: Pick<BufferDeclaration, "dtype" | "dtypeText">,
    meaning: string,
    count?: number,
  ): void => {
    const slotted = count === undefined ? {} : { slots: count };
    found.push({ name, space: "VMEM", dims, ...type, ...slotted, meaning });
  };
  const smem = (name: string, dims: readonly Dim[], meaning: string): void => {
    found.push({ name, space: "SMEM", dims, ...int, meaning });
  };

  vmem(
    "token_rows",
    [heldRows(layout, s.allTokens + 1), lanes],
    word,
    "packed token rows of all devices and one that no token owns; then sums on their way",
  );
  if (distributed) {
    vmem(
      "arrived_sums",
      [devices, [`s.pass_tokens * ${partRow[0]}`, s.passTokens * partRow[1]], lanes],
      word,
      "packed partial sums of this device's tokens, by sender",
    );
  }
  vmem(
    "token_sums",
    [["(s.all_tokens + 1) * SUM_ROW", (s.allTokens + 1) * layout.sumRow], lanes],
    float,
    "weighted sums of local experts' results by token",
  );
  vmem(
    "staging",
    [["2", 2], ["s.chunk", s.chunk], rowColumns],
    element,
    "token or result rows between HBM and VMEM",
    2,
  );
  if (layer.routing.where === "kernel") {
    vmem("logits", [laneTokens, ["LOGIT_LANES", layout.logitLanes]], float, "router logits");
    if (layer.routing.correctionBias === true) {
      const rows: Dim = ["EXPERT_ROWS", layout.expertRows];
      vmem("bias", [rows, lanes], float, "correction bias, the same in every lane");
    }
  } else {
    vmem("ids_in", [choices, laneTokens], int, "given expert ids, choices by tokens");
    vmem("weights_in", [choices, laneTokens], float, "given weights, choices by tokens");
  }
  vmem("expert_ids", [choices, laneTokens], int, "chosen experts, choices by tokens");
  vmem("ranks", [choices, laneTokens], float, "rank of an entry among its expert's entries");
  vmem("positions", [choices, laneTokens], int, "place of an entry in the sorted list");
  vmem(
    "own_routes",
    [
      ["SUBLANES", SUBLANES],
      ["s.weight_words + EXPERT_LANES", s.offsetsAt - s.weightsAt + layout.expertLanes],
    ],
    int,
    "this device's weight bits by choice, then the first entry of each expert",
  );
  vmem(
    "routes",
    [devices, routeWords],
    int,
    "by device: entries sorted by expert, weight bits by choice, first entry of each expert",
  );
  const bothF: Dim = ["2 * INTERMEDIATE_SIZE", 2 * layer.intermediate];
  vmem(
    "gate_up_tiles",
    shape.wide ? [slots, bd, bothF] : [slots, ["2", 2], bd, columnsF],
    weight,
    "gate and up weight tiles",
    tiles.slots,
  );
  vmem("down_tiles", [slots, bf, columnsD], weight, "down weight tiles", tiles.slots);
  if (layer.quantization !== undefined) {
    const scales = scaleTiles(
      { quantization: layer.quantization, prefix: "" },
      slots,
      { rows: bd, columns: shape.wide ? bothF : columnsF, wide: shape.wide },
      { rows: bf, columns: columnsD },
    );
    vmem("gate_up_scales", scales.gateUp, float, "scales of gate and up weights", tiles.slots);
    vmem("down_scales", scales.down, float, "scales of down weights", tiles.slots);
  }
  if (sharedApart(layer)) found.push(...sharedTiles(input, slots, bd, columnsD));
  if (layer.biases === true) {
    const count: Dim = streamed ? ["2", 2] : slots;
    vmem("gate_up_biases", [count, ["2", 2], wholeF], float, "biases of gate and up", count[1]);
    const sums: Dim = ["SUM_ROW", layout.sumRow];
    vmem("down_biases", [count, sums, lanes], float, "biases of down, as a row of sums", count[1]);
  }
  if (layer.sharedExperts?.gate === "sigmoid") {
    vmem("shared_gate_row", [["1", 1], rowColumns], float, "gate of the shared experts' result");
  }
  vmem(
    "gathered_rows",
    [["s.tiles.bt * ROW_PITCH", rowTile * layout.rowPitch], lanes],
    word,
    "packed rows of one expert, side by side",
  );
  if (tokenRows(layer) !== undefined) {
    vmem("row_scales", [streamed ? block : bt, lanes], float, "scales of the operand's rows");
  }
  if (streamed) {
    vmem(
      "operand",
      [
        ["HIDDEN_SIZE // s.tiles.bd", layer.hidden / tiles.bd],
        block,
        fillsLanes(layer.hidden) ? bd : ["s.operand_columns", shape.operandColumns],
      ],
      operand,
      "rows of one expert as matrix operand, by hidden tile",
    );
    if (shape.wide) {
      vmem("gate_up_sums", [block, bothF], float, "gate and up projections");
    } else {
      vmem("gate_sums", [block, columnsF], float, "gate projection of one intermediate tile");
      vmem("up_sums", [block, columnsF], float, "up projection of one intermediate tile");
    }
    vmem(
      "activations",
      fillsLanes(layer.intermediate)
        ? [block, bf]
        : [["INTERMEDIATE_SIZE // s.tiles.bf", layer.intermediate / tiles.bf], block, bf],
      activated ? operand : element,
      fillsLanes(layer.intermediate)
        ? "activated rows of one intermediate tile"
        : "activated rows, by rows of the down tiles",
    );
    if (activated) {
      vmem("activation_scales", [block, lanes], float, "scales of the activated rows");
      if (layer.sharedExperts !== undefined) {
        vmem("shared_activations", [block, bf], element, "activated rows of the shared experts");
      }
    }
  } else {
    vmem("operand", [bt, rowColumns], operand, "rows of one expert as matrix operand");
  }
  const resultRows = streamed ? tiles.rowBlock : tiles.bt;
  vmem(
    "result_tiles",
    [
      [
        `${streamed ? block[0] : bt[0]} // SUBLANES * SUM_ROW * TILE_PITCH`,
        (resultRows / SUBLANES) * layout.sumRow * TILE_PITCH,
      ],
      lanes,
    ],
    float,
    "results in tiles of 8 rows by 128 columns",
  );
  smem("positions_smem", [choices, laneTokens], "positions, for scalar reads");
  smem("own_entries", [["s.weights_at", s.weightsAt]], "this device's entries sorted by expert");
  smem("all_routes", [["EP_SIZE * s.route_words", ep * s.routeWords]], "routes of all devices");
  smem("expert_entries", [merged], "entries of one expert, of all devices");
  const local = layer.experts / ep;
  if (streamed) {
    const perToken = Math.min(layer.topK, local);
    const items: Dim = [
      `LOCAL_EXPERTS + s.all_tokens * ${perToken} // s.row_block + 1`,
      local + Math.floor((s.allTokens * perToken) / tiles.rowBlock) + 1,
    ];
    smem("item_experts", [items], "local expert of each block of rows");
    smem("item_first_rows", [items], "first row of each block");
  } else {
    smem("active_experts", [["LOCAL_EXPERTS + 1", local + 1]], "local experts that have rows");
  }
  return found;
}
