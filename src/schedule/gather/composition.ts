/** The parts of the schedule, and the order of their stages. */
import { api } from "../../kernel/api/part.ts";
import { collectives } from "../../kernel/collectives/part.ts";
import { constants } from "../../kernel/constants.ts";
import { devices } from "../../kernel/devices/barrier.ts";
import { experts } from "../../kernel/experts/part.ts";
import { feedForward } from "../../kernel/feed-forward/part.ts";
import type { Composition, Part } from "../../kernel/part.ts";
import { routing } from "../../kernel/routing/part.ts";
import { tokensIn } from "../../kernel/rows/tokens-in.ts";
import { shapes } from "../../kernel/shapes.ts";
import { sharedExperts } from "../../kernel/shared-experts/part.ts";
import { biases } from "../../kernel/weights/biases.ts";
import { weights } from "../../kernel/weights/part.ts";
import { rowsInHbm } from "../../plan/call.ts";
import { gatherBlocks } from "./blocks.ts";
import { expertRows } from "./expert-rows.ts";
import { resultOut } from "./result-out.ts";
import { routesOut } from "./routes-out.ts";
import { rowsOut } from "./rows-out.ts";
import { sumsOut } from "./sums-out.ts";

/** The kernel's body, rows and sums between memories and devices, and the loop over experts. */
const body: Part = {
  modules: ({ kernels }) => [
    { name: "kernel", template: "gather/kernel" },
    { name: "transport", template: "gather/transport" },
    { name: "experts", template: `gather/${rowsInHbm(kernels) ? "hbm/" : ""}experts` },
  ],
  blocks: gatherBlocks,
};

export const composition: Composition = {
  parts: [
    body,
    shapes,
    api,
    devices,
    collectives,
    tokensIn,
    routing,
    rowsOut,
    routesOut,
    sumsOut,
    weights,
    sharedExperts,
    biases,
    constants,
    feedForward,
    expertRows,
    experts,
    resultOut,
  ],
  first: [rowsOut, sumsOut],
  order: [
    ...[
      "first_weights",
      "barrier",
      "await_relays",
      "constants",
      "send_logits",
      "load_rows",
      "all_gather_rows",
    ],
    ...[
      "await_logits",
      "route",
      "sort",
      "sort_all",
      "send_routes",
      "relay_rows",
      "exchange_routes",
      "active_experts",
    ],
    ...["zero_sums", "await_rows", "shared_experts"],
    ...["merge", "gather", "await_gathered", "operand", "await_weights", "await_biases"],
    ...["await_results", "products", "activation", "write_results"],
    ...["combine", "next_weights", "sum_chunks", "reduce_scatter", "write_output", "pass_barrier"],
  ],
};
