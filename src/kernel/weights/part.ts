/** The routed experts' weights: tiles in slots, copied ahead of their use, scales with them. */
import { planListsInHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { hasGate } from "../../spec/formats.ts";
import { type Dim, dma, type ElementType, TWO, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { expertTiles } from "../load.ts";
import type { Part } from "../part.ts";
import { fillsLanes } from "../rows/layout.ts";
import { elementType } from "../rows/types.ts";
import { weightsBlocks } from "./blocks.ts";
import { gateUpCopies, gateUpRefs } from "./layouts.ts";
import { scaleStreams, stagesOf } from "./scale-streams.ts";
import { scaleElement, scaleTiles, weightBuffers, weightStreams } from "./scales.ts";
import { tileShapeOf } from "./tile-shape.ts";
import { tileStreams } from "./tile-streams.ts";
import { tilingContext } from "./tiling.ts";

/** Slots of weight tiles, and the axes of one: rows and columns, of gate and up and of down. */
export function tileDims({ layer, tiles }: KernelInput) {
  const bf: Dim = ["s.tiles.bf", tiles.bf];
  const bd: Dim = ["s.tiles.bd", tiles.bd];
  const columnsF: Dim = fillsLanes(layer.intermediate)
    ? bf
    : ["INTERMEDIATE_SIZE", layer.intermediate];
  const columnsD: Dim = fillsLanes(layer.hidden) ? bd : ["HIDDEN_SIZE", layer.hidden];
  const bothF: Dim = ["2 * INTERMEDIATE_SIZE", 2 * layer.intermediate];
  const slots: Dim = ["s.tiles.slots", tiles.slots];
  const { wide } = tileShapeOf(layer, tiles);
  return { slots, bf, bd, columnsF, columnsD, bothF, wide };
}

function buffers(input: KernelInput) {
  const { layer, tiles } = input;
  const { slots, bf, bd, columnsF, columnsD, bothF, wide } = tileDims(input);
  const { quantization } = layer;
  const weight: ElementType =
    quantization === undefined
      ? elementType(layer)
      : { dtype: quantization.weights, dtypeText: "WEIGHT_DTYPE" };
  const pair = hasGate(layer) ? [TWO] : [];
  const gateUp = wide ? [slots, bd, bothF] : [slots, ...pair, bd, columnsF];
  const found = [
    vmem("gate_up_tiles", gateUp, weight, "gate and up weight tiles", tiles.slots),
    vmem("down_tiles", [slots, bf, columnsD], weight, "down weight tiles", tiles.slots),
  ];
  if (quantization === undefined) return found;
  const scale = scaleElement(layer);
  const scales = scaleTiles(
    { layer, prefix: "" },
    slots,
    { rows: bd, columns: wide ? bothF : columnsF, pair: hasGate(layer) && !wide },
    { rows: bf, columns: columnsD },
  );
  return [
    ...found,
    vmem("gate_up_scales", scales.gateUp, scale, "scales of gate and up weights", tiles.slots),
    vmem("down_scales", scales.down, scale, "scales of down weights", tiles.slots),
  ];
}

function streams(frame: Frame): readonly Stream[] {
  const { layer, load } = frame;
  const tiles = expertTiles(frame);
  const trips = load.readExperts * load.weightReads;
  return [
    ...tileStreams(
      stagesOf(frame),
      {
        name: "gate_up_in",
        source: gateUpRefs(layer.weights).join(", "),
        destination: "gate_up_tiles",
        bytes: trips * load.weightBytes.gateUp,
        copies: trips * tiles.gateUp * gateUpCopies(layer),
        tiles: tiles.gateUp,
        meaning: "gate and up weights of active experts, ahead of their use",
      },
      {
        name: "down_in",
        source: "down_weights",
        destination: "down_tiles",
        bytes: trips * load.weightBytes.down,
        copies: trips * tiles.down,
        tiles: tiles.down,
        meaning: "down weights of active experts, ahead of their use",
      },
    ),
    ...scaleStreams(frame),
  ];
}

export const weights: Part = {
  context: (plan) => ({
    ...tilingContext(plan),
    /** Whose weights a read brings. */
    readExperts: planListsInHbm(plan.kernels) ? "read_experts" : "item_experts",
  }),
  blocks: weightsBlocks,
  buffers,
  semaphores: (input) => {
    const { slots } = tileDims(input);
    return [
      dma("gate_up_arrived", slots, "gate and up tile in its slot"),
      dma("down_arrived", slots, "down tile in its slot"),
    ];
  },
  streams,
  stages: (frame) => {
    const { layer, load, streamed } = frame;
    const tiles = expertTiles(frame);
    const { gateUp, down } = weightBuffers(layer);
    return [
      {
        name: "await_weights",
        meaning: "weight tiles of this step are here",
        reads: [],
        writes: [...gateUp, ...down],
        per: streamed ? "weight tile" : "expert",
        trips: load.readExperts * load.weightReads * (streamed ? tiles.gateUp + tiles.down : 1),
      },
    ];
  },
};

/** Copies that bring what one routed expert needs. */
export function expertStreams({ layer }: Pick<KernelInput, "layer">): readonly string[] {
  const found = weightStreams(layer);
  return layer.biases === true ? [...found, "biases_in"] : found;
}
