/** Routing: scores and top-k of own tokens, or ids as given; own entries sorted by expert. */

import { listsInHbm, planListsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { idsOf } from "../../spec/formats.ts";
import { type Dim, dma, FLOAT, INT, ONE, smem, vmem } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { DEVICES, PEERS, UNROLL } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { LANES, layoutOf, SUBLANES } from "../rows/layout.ts";
import { mayRouteAll, planRoutesAll, routesAll } from "./all-tokens.ts";
import { routingBlocks } from "./blocks.ts";
import {
  allLists,
  listOut,
  logitsIn,
  logitsOut,
  ownLists,
  positionsIn,
  routingIn,
} from "./lists.ts";
import { listChunks, mostListTokens, sharesRegisters, tokenBits } from "./words.ts";

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

/** What the scalar unit sorts: places of entries, and the list; in HBM a list has its weights with it. */
function sorted(input: KernelInput) {
  const { layer, layout, sizes: s } = input;
  const entries: readonly Dim[] = [
    ["CHOICE_ROWS", layout.choiceRows],
    ["s.lane_tokens", s.laneTokens],
  ];
  const places = smem("positions_smem", entries, "positions, for scalar reads");
  const meaning = "this device's entries sorted by expert";
  if (!listsInHbm(input)) {
    return [places, smem("own_entries", [["s.weights_at", s.weightsAt]], meaning)];
  }
  const words: Dim = [
    "s.weight_words + EXPERT_LANES",
    s.offsetsAt - s.weightsAt + layout.expertLanes,
  ];
  const { entries: chunks, firsts } = listChunks(layer, s.listTokens);
  const list: readonly Dim[] = [["s.route_chunks", chunks + firsts], ["2", 2], lanes];
  return [
    places,
    smem("own_words", [words], "own_routes, for scalar reads"),
    smem(
      "own_entries",
      list,
      `${meaning}: 128 and their weights, and so on; then the first of each expert`,
    ),
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
    ...sorted(input),
  ];
}

/** What a device sorts: its own tokens' entries, or those of all tokens. */
function sortStages(frame: Frame): readonly Draft[] {
  const { layout, sizes, ep } = frame;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const reads = ["positions", "own_routes"];
  if (listsInHbm(frame)) {
    return [
      {
        name: "sort",
        meaning: "own entries sorted by expert, and to HBM with their weights",
        reads,
        writes: ["positions_smem", "own_words", "own_entries", "routes"],
        per: "pass",
        trips: sizes.passes * sizes.lists,
        // The entries, then the first ones of the experts.
        loops: [
          { over: "listed tokens", each: 1 },
          { over: "copies", each: 1, fixed: layout.expertLanes / UNROLL },
        ],
      },
    ];
  }
  if (!routesAll(sizes, ep)) {
    return [
      {
        name: "sort",
        meaning: "own entries sorted by expert",
        reads,
        writes: ["positions_smem", "own_entries", "routes"],
        ...pass,
        loops: [{ over: "real tokens", each: 1 }],
      },
    ];
  }
  return [
    {
      name: "send_logits",
      meaning: "start sending own router logits",
      reads: ["router_logits"],
      writes: ["logits"],
      ...pass,
      loops: [PEERS],
    },
    {
      name: "await_logits",
      meaning: "router logits of all devices are here",
      reads: [],
      writes: [],
      ...pass,
      loops: [PEERS],
    },
    {
      name: "sort_all",
      meaning: "entries of all devices' tokens sorted by expert",
      reads,
      writes: ["positions_smem", "all_routes"],
      ...pass,
      loops: [DEVICES, { over: "all tokens", each: 1 }],
    },
  ];
}

function stages(frame: Frame): readonly Draft[] {
  const { sizes, ep } = frame;
  const { passes, lists } = sizes;
  const pass = { per: "pass", trips: passes * lists } as const;
  const own = listsInHbm(frame) ? "listed tokens" : "own tokens";
  const over = routesAll(sizes, ep) ? "all tokens" : own;
  return [
    {
      name: "route",
      meaning: "scores, top-k, rank of each entry among its expert's",
      reads: inKernel(frame) ? ["logits"] : ["ids_in", "weights_in"],
      writes: ["expert_ids", "ranks", "positions", "own_routes"],
      ...pass,
      // Two loops over the same blocks of tokens: ranks, then places.
      loops: [{ over, each: LANES }],
    },
    ...sortStages(frame),
  ];
}

function context(plan: Plan): Record<string, unknown> {
  const { layer, mesh } = plan;
  const layout = layoutOf(layer);
  const all = planRoutesAll(plan);
  const listed = planListsInHbm(plan.kernels);
  const paddedExperts = inKernel({ layer }) && layout.expertRows !== idsOf(layer);
  // Rows that are no expert are of no group that is kept, and the experts of those are k at least.
  const maskedRows = paddedExperts && !(layer.routing.where === "kernel" && layer.routing.groups);
  return {
    sharedRegisters: sharesRegisters(mesh.ep),
    choiceStride: sharesRegisters(mesh.ep) ? "choice_stride" : "lane_tokens",
    mayRouteAll: all,
    identityAlone: layer.identityExperts !== undefined && !sharesRegisters(mesh.ep),
    identityBehind:
      layer.identityExperts === undefined ? "" : ", then the identity experts' together",
    placedWeights: layer.identityExperts === undefined ? "weights" : "[*weights, identity_weight]",
    tokenWeights: layer.identityExperts === undefined ? "TOP_K" : "(TOP_K + 1)",
    listed,
    mostListTokens: mostListTokens(layer),
    firstChunks: Math.ceil(layout.expertLanes / (2 * LANES)),
    /** What is routed at a time. */
    routedIn: listed ? "list" : "pass",
    /** Lists lie in a slot for each pass. */
    ofComing: listed ? "moving" : "r",
    logitRows: listed ? "(0, rows[0][1] + s.list_padding)" : "rows[0]",
    paddedRows: listed ? "((0, rows[0][1] + s.list_padding), (0, 0))" : "rows",
    routedTokens: all ? "routed_tokens" : listed ? "list_tokens" : "pass_tokens",
    sources: all ? "s.sources" : "EP_SIZE",
    tokenBits: tokenBits(plan.kernels[0]?.tiles ?? {}),
    choiceRows: layout.choiceRows,
    expertRows: layout.expertRows,
    expertLanes: layout.expertLanes,
    logitLanes: layout.logitLanes,
    paddedExperts,
    maskedRows,
    // What is not chosen beside experts that were.
    rowsThatAreNone: paddedExperts ? "rows that are no expert, and of " : "",
    orNone: maskedRows ? " or none" : "",
    paddedLogits: layout.logitLanes !== idsOf(layer),
    widerLanes: layout.expertLanes !== layout.expertRows,
  };
}

function logitsSemaphores(input: KernelInput) {
  const { layer, ep } = input;
  if (!inKernel({ layer })) return [];
  const meaning = "router logits in VMEM";
  if (!mayRouteAll(layer, ep, input)) return [dma("logits_arrived", ONE, meaning)];
  return [
    dma("logits_sent", ONE, "own router logits left"),
    dma("logits_arrived", ["EP_SIZE", ep], `${meaning}, by device`),
  ];
}

export const routing: Part = {
  modules: () => [{ name: "routing", template: "kernel/routing/routing" }],
  context,
  blocks: routingBlocks,
  buffers,
  semaphores: (input) => [
    ...logitsSemaphores(input),
    dma("lists_moved", ONE, "routing data between VMEM and SMEM"),
  ],
  streams: (frame) => {
    const all = mayRouteAll(frame.layer, frame.ep, frame);
    return [
      inKernel(frame) ? logitsIn(frame) : routingIn(frame),
      ...(all ? [logitsOut(frame)] : []),
      positionsIn(frame),
      ...(listsInHbm(frame) ? listOut(frame) : ownLists(frame)),
      ...(all ? [allLists(frame)] : []),
    ];
  },
  stages,
};
