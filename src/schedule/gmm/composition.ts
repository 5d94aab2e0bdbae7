/** The parts of the schedule's Pallas kernel, and the order of their stages. */
import { type Dim, dma, FLOAT, ONE, TWO, vmem } from "../../kernel/declaration.ts";
import { feedForward } from "../../kernel/feed-forward/part.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { type Composition, type Draft, NO_BLOCK, type Part } from "../../kernel/part.ts";
import { biases } from "../../kernel/weights/biases.ts";
import { weights } from "../../kernel/weights/part.ts";
import { isStreamed } from "../../plan/call.ts";
import type { Plan, Stream } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { gmmBlocks } from "./blocks.ts";
import { SHARED_ORDER, shared } from "./shared.ts";
import { asWhole, partsOf } from "./sizes.ts";
import { tilesInOut } from "./tiles-in-out.ts";
import { work } from "./work.ts";

/** The call, what XLA does around the kernel, and the kernel's loop over row tiles. */
const body: Part = {
  modules: ({ layer, kernels }) => [
    { name: "combine", template: "gmm/combine" },
    { name: "dispatch", template: "gmm/dispatch" },
    {
      name: "experts",
      template: isStreamed(kernels) ? "gmm/streamed/experts" : "gmm/experts",
    },
    { name: "kernel", template: "gmm/kernel" },
    ...(layer.routing.where === "kernel" ? [{ name: "routing", template: "gmm/routing" }] : []),
    { name: "shapes", template: "gmm/shapes" },
  ],
  blocks: gmmBlocks,
};

/** Weights of whole experts start in a stage of their own here; in tiles, a step ahead of their use. */
function startedBy(frame: Frame): (stream: Stream) => Stream {
  return (stream) =>
    frame.streamed
      ? { ...stream, issuedBy: "await_weights", awaitedBy: "await_weights" }
      : { ...stream, issuedBy: "next_weights" };
}

/** Weights of whole experts in slots, or tiles of F: gate's and up's and down's of one are one step. */
const slottedWeights: Part = {
  ...weights,
  streams: (frame) => (weights.streams?.(frame) ?? []).map(startedBy(frame)),
  stages: (frame) =>
    (weights.stages?.(frame) ?? []).map((stage) =>
      frame.streamed
        ? { ...stage, trips: frame.load.rowTiles * partsOf(frame) }
        : { ...stage, place: "await_whole" },
    ),
};

/** The bodies of the feed-forward alone: rows come as its operand, and results leave as they are. */
function isBody({ name }: Draft): boolean {
  return name !== "operand";
}

/** What a body gives: results, or its part of their sums. */
function storeBlocks({ layer, kernels }: Plan): Readonly<Record<string, string>> {
  const biased = layer.biases === true;
  const streamed = isStreamed(kernels);
  return {
    store_results: `gmm/store_results/${streamed ? "added" : biased ? "biased" : "plain"}`,
    add_bias: streamed && biased ? "gmm/streamed/add_bias" : NO_BLOCK,
  };
}

/** Rows as a product takes them: as they come, or widened, with scales for what comes out. */
function rowBlocks({ layer }: Plan): Readonly<Record<string, string>> {
  if (tokenRows(layer) === undefined) return { form_operand: NO_BLOCK };
  return { form_operand: "gmm/operand/quantized", scaled_rows: "kernel/rows/scaled_rows" };
}

/** A tile of F goes through the body of a whole expert: gate and up, activation, down. */
const bodies: Part = {
  ...feedForward,
  blocks: (plan) => ({
    ...feedForward.blocks?.(asWhole(plan)),
    ...rowBlocks(plan),
    ...storeBlocks(plan),
  }),
  buffers: () => [],
  stages: (frame) =>
    (feedForward.stages?.({ ...frame, streamed: false }) ?? []).filter(isBody).map((stage) => {
      const writes = stage.writes.map((name) => (name === "result_tiles" ? "sums" : name));
      const biased = !frame.streamed && stage.rows !== undefined && frame.layer.biases === true;
      return {
        ...stage,
        ...(frame.streamed ? { trips: stage.trips * partsOf(frame) } : {}),
        writes,
        reads: [...stage.reads, ...(biased ? ["down_biases"] : [])],
      };
    }),
};

/** Biases with their expert's weights; those of down as one row. */
const rowBiases: Part = {
  ...biases,
  buffers: ({ layer, tiles, streamed }: KernelInput) => {
    if (layer.biases !== true) return [];
    const slots: Dim = ["s.tiles.slots", tiles.slots];
    const columns: Dim = streamed
      ? ["s.tiles.bf", tiles.bf]
      : ["INTERMEDIATE_SIZE", layer.intermediate];
    const both: readonly Dim[] = [slots, TWO, columns];
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
  streams: (frame) => (biases.streams?.(frame) ?? []).map(startedBy(frame)),
  stages: () => [],
};

export const composition: Composition = {
  parts: [body, work, tilesInOut, slottedWeights, shared, rowBiases, bodies],
  first: [],
  order: [
    ...["list_tiles", "first_weights", ...SHARED_ORDER],
    ...["next_weights", "next_rows", "await_whole", "await_results", "await_rows", "operand"],
    "zero_sums",
    ...["await_weights", "products", "round_results", "write_results", "last_results"],
  ],
};
