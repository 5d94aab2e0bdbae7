/** The parts of the schedule, and the order of their stages. */
import { api } from "../../kernel/api/part.ts";
import { constants } from "../../kernel/constants.ts";
import { devices } from "../../kernel/devices/barrier.ts";
import { expertRows } from "../../kernel/experts/expert-rows.ts";
import { experts } from "../../kernel/experts/part.ts";
import { feedForward } from "../../kernel/feed-forward/part.ts";
import type { Composition, Part } from "../../kernel/part.ts";
import { passesModules } from "../../kernel/passes/blocks.ts";
import { routing } from "../../kernel/routing/part.ts";
import { routesOut } from "../../kernel/routing/routes-out.ts";
import { layoutOf } from "../../kernel/rows/layout.ts";
import { resultOut } from "../../kernel/rows/result-out.ts";
import { tokensIn } from "../../kernel/rows/tokens-in.ts";
import { shapes } from "../../kernel/shapes.ts";
import { sharedExperts } from "../../kernel/shared-experts/part.ts";
import { biases } from "../../kernel/weights/biases.ts";
import { weights } from "../../kernel/weights/part.ts";
import { goByNeed, sumsInHbm } from "../../plan/call.ts";
import { runsBlocks } from "./blocks.ts";
import { handed } from "./handed.ts";
import { lists } from "./lists.ts";
import { rowsOut, runRow } from "./rows-out.ts";
import { sumsBack } from "./sums-back.ts";
import { mostReturns, writesReturned } from "./sums-in-hbm.ts";

/** The kernel's body, rows and sums between memories and devices, and the loop over experts. */
const body: Part = {
  modules: passesModules,
  context: ({ layer, mesh, kernels }) => ({
    chunkTokens: "s.sum_chunk",
    mostReturns: mostReturns(layer, mesh.ep),
    runRow: runRow(layoutOf(layer)),
    copyRows: sumsInHbm(kernels) ? "UNROLL" : "s.tiles.run_rows",
    eachRun: goByNeed(kernels) === "chips" ? "each_chip(s, me)" : "each_peer(me)",
  }),
  blocks: runsBlocks,
};

/** With what came back from HBM. */
const written: Part = {
  ...resultOut,
  stages: (frame) => (resultOut.stages?.(frame) ?? []).map((draft) => writesReturned(draft, frame)),
};

/** All devices meet between passes too. */
const meetings: Part = { ...devices, context: () => ({ barrierText: "is here" }) };

export const composition: Composition = {
  parts: [
    body,
    shapes,
    api,
    meetings,
    tokensIn,
    routing,
    lists,
    rowsOut,
    routesOut,
    sumsBack,
    handed,
    weights,
    sharedExperts,
    biases,
    constants,
    feedForward,
    expertRows,
    experts,
    written,
  ],
  first: [rowsOut, sumsBack],
  order: [
    ...["first_weights", "barrier", "constants", "load_rows", "route", "sort", "send_routes"],
    ...["list_leaving", "send_rows", "exchange_routes", "list_coming", "list_handed"],
    "active_experts",
    // Shared experts take own tokens alone: others' rows are waited for after them.
    ...["zero_sums", "shared_experts", "await_chips", "hand_on", "await_rows"],
    ...["merge", "gather", "await_gathered", "operand"],
    ...["await_weights", "await_biases", "bring_sums", "early_returns", "products", "activation"],
    ...["merge_next", "rows_next", "gather_next", "await_sums"],
    ...["combine", "keep_sums", "more_sums", "last_sums", "next_weights"],
    ...["hand_back", "add_handed", "return_sums", "last_returns", "await_rows_sent"],
    ...["add_sums", "list_returns", "await_sums_back", "write_output"],
    "pass_barrier",
  ],
};
