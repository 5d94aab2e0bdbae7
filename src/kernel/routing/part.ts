/** Routing: scores and top-k of own tokens, or ids as given; own entries sorted by expert. */

import type { Plan } from "../../plan/plan.ts";
import { type Dim, dma, FLOAT, INT, ONE, smem, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import type { Part } from "../part.ts";
import { LANES, layoutOf, SUBLANES } from "../rows/layout.ts";
import { routingBlocks } from "./blocks.ts";
import { logitsIn, ownLists, routingIn } from "./lists.ts";
import { sharesRegisters, TOKEN_BITS } from "./words.ts";

const lanes: Dim = ["LANES", LANES];

function inKernel({ layer }: Pick<KernelInput, "layer">): boolean {
  return layer.routing.where === "kernel";
}

/** What comes in: logits, and perhaps a bias; or ids and weights. */
function inputs({ layer, layout, sizes }: KernelInput) {
  const laneTokens: Dim = ["s.lane_tokens", sizes.laneTokens];
  const choices: Dim = ["CHOICE_ROWS", layout.choiceRows];
  if (layer.routing.where !== "kernel") {
    return [
      vmem("ids_in", [choices, laneTokens], INT, "given expert ids, choices by tokens"),
      vmem("weights_in", [choices, laneTokens], FLOAT, "given weights, choices by tokens"),
    ];
  }
  const logits: Dim = ["LOGIT_LANES", layout.logitLanes];
  const rows: Dim = ["EXPERT_ROWS", layout.expertRows];
  return [
    vmem("logits", [laneTokens, logits], FLOAT, "router logits"),
    ...(layer.routing.correctionBias === true
      ? [vmem("bias", [rows, lanes], FLOAT, "correction bias, the same in every lane")]
      : []),
  ];
}

function buffers(input: KernelInput) {
  const { layout, sizes: s } = input;
  const entries: readonly Dim[] = [
    ["CHOICE_ROWS", layout.choiceRows],
    ["s.lane_tokens", s.laneTokens],
  ];
  const words: Dim = [
    "s.weight_words + EXPERT_LANES",
    s.offsetsAt - s.weightsAt + layout.expertLanes,
  ];
  return [
    ...inputs(input),
    vmem("expert_ids", entries, INT, "chosen experts, choices by tokens"),
    vmem("ranks", entries, FLOAT, "rank of an entry among its expert's entries"),
    vmem("positions", entries, INT, "place of an entry in the sorted list"),
    vmem(
      "own_routes",
      [["SUBLANES", SUBLANES], words],
      INT,
      "this device's weight bits by choice, then the first entry of each expert",
    ),
    smem("positions_smem", entries, "positions, for scalar reads"),
    smem("own_entries", [["s.weights_at", s.weightsAt]], "this device's entries sorted by expert"),
  ];
}

function stages(frame: Frame) {
  const { passes } = frame.sizes;
  const pass = { per: "pass", trips: passes } as const;
  return [
    {
      name: "route",
      meaning: "scores, top-k, rank of each entry among its expert's",
      reads: inKernel(frame) ? ["logits"] : ["ids_in", "weights_in"],
      writes: ["expert_ids", "ranks", "positions", "positions_smem", "own_routes"],
      ...pass,
      // Two loops over the same blocks of tokens: ranks, then places.
      loops: [{ over: "own tokens" as const, each: LANES }],
    },
    {
      name: "sort",
      meaning: "own entries sorted by expert",
      reads: ["positions_smem", "own_routes"],
      writes: ["own_entries", "routes"],
      ...pass,
      loops: [{ over: "real tokens" as const, each: 1 }],
    },
  ];
}

function context({ layer, mesh }: Plan): Record<string, unknown> {
  const layout = layoutOf(layer);
  const paddedExperts = inKernel({ layer }) && layout.expertRows !== layer.experts;
  return {
    sharedRegisters: sharesRegisters(mesh.ep),
    choiceStride: sharesRegisters(mesh.ep) ? "choice_stride" : "lane_tokens",
    tokenBits: TOKEN_BITS,
    choiceRows: layout.choiceRows,
    expertRows: layout.expertRows,
    expertLanes: layout.expertLanes,
    logitLanes: layout.logitLanes,
    paddedExperts,
    // What is not chosen beside experts that were.
    rowsThatAreNone: paddedExperts ? "rows that are no expert, and of " : "",
    orNone: paddedExperts ? " or none" : "",
    paddedLogits: layout.logitLanes !== layer.experts,
    widerLanes: layout.expertLanes !== layout.expertRows,
  };
}

export const routing: Part = {
  modules: () => [{ name: "routing", template: "kernel/routing/routing" }],
  context,
  blocks: routingBlocks,
  buffers,
  semaphores: (input) => [
    ...(inKernel(input) ? [dma("logits_arrived", ONE, "router logits in VMEM")] : []),
    dma("lists_moved", ONE, "routing data between VMEM and SMEM"),
  ],
  streams: (frame) => [inKernel(frame) ? logitsIn(frame) : routingIn(frame), ...ownLists(frame)],
  stages,
};
