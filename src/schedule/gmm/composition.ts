/** The parts of the schedule's Pallas kernel, and the order of their stages. */
import { type Dim, dma, FLOAT, ONE, TWO, vmem } from "../../kernel/declaration.ts";
import { feedForward } from "../../kernel/feed-forward/part.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import { type Composition, type Draft, NO_BLOCK, type Part } from "../../kernel/part.ts";
import { biases } from "../../kernel/weights/biases.ts";
import { weights } from "../../kernel/weights/part.ts";
import type { Stream } from "../../plan/plan.ts";
import { gmmBlocks } from "./blocks.ts";
import { tilesInOut } from "./tiles-in-out.ts";
import { work } from "./work.ts";

/** The call, what XLA does around the kernel, and the kernel's loop over row tiles. */
const body: Part = {
  modules: ({ layer }) => [
    { name: "dispatch", template: "gmm/dispatch" },
    { name: "experts", template: "gmm/experts" },
    { name: "kernel", template: "gmm/kernel" },
    ...(layer.routing.where === "kernel" ? [{ name: "routing", template: "gmm/routing" }] : []),
    { name: "shapes", template: "gmm/shapes" },
  ],
  blocks: gmmBlocks,
};

/** Weights start in a stage of their own here. */
function startedByItself(stream: Stream): Stream {
  return { ...stream, issuedBy: "next_weights" };
}

/** Weights of whole experts in slots. */
const wholeWeights: Part = {
  ...weights,
  streams: (frame) => (weights.streams?.(frame) ?? []).map(startedByItself),
};

/** The bodies of the feed-forward alone: rows come as its operand, and results leave as they are. */
function isBody({ name }: Draft): boolean {
  return name !== "operand";
}

const bodies: Part = {
  ...feedForward,
  blocks: (plan) => ({
    ...feedForward.blocks?.(plan),
    form_operand: NO_BLOCK,
    store_results: `gmm/store_results/${plan.layer.biases === true ? "biased" : "plain"}`,
  }),
  buffers: () => [],
  stages: (frame) =>
    (feedForward.stages?.(frame) ?? []).filter(isBody).map((stage) => {
      const writes = stage.writes.map((name) => (name === "result_tiles" ? "results" : name));
      const biased = stage.rows !== undefined && frame.layer.biases === true;
      return { ...stage, writes, reads: [...stage.reads, ...(biased ? ["down_biases"] : [])] };
    }),
};

/** Biases with their expert's weights; those of down as one row. */
const rowBiases: Part = {
  ...biases,
  buffers: ({ layer, tiles }: KernelInput) => {
    if (layer.biases !== true) return [];
    const slots: Dim = ["s.tiles.slots", tiles.slots];
    const both: readonly Dim[] = [slots, TWO, ["INTERMEDIATE_SIZE", layer.intermediate]];
    const row: readonly Dim[] = [slots, ONE, ["HIDDEN_SIZE", layer.hidden]];
    return [
      vmem("gate_up_biases", both, FLOAT, "biases of gate and up", tiles.slots),
      vmem("down_biases", row, FLOAT, "biases of down", tiles.slots),
    ];
  },
  semaphores: ({ layer, tiles }) =>
    layer.biases === true
      ? [dma("biases_arrived", ["s.tiles.slots", tiles.slots], "biases of an expert in their slot")]
      : [],
  streams: (frame) => (biases.streams?.(frame) ?? []).map(startedByItself),
};

export const composition: Composition = {
  parts: [body, work, tilesInOut, wholeWeights, rowBiases, bodies],
  first: [],
  order: [
    ...["list_tiles", "first_weights"],
    ...["next_weights", "next_rows", "await_weights", "await_results", "await_rows"],
    ...["products", "write_results", "last_results"],
  ],
};
