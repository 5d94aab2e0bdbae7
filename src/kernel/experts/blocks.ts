/** Which of their answers the functions of the loop over experts have in a plan. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { isTiled, sharedOf } from "../shared-experts/spread.ts";

const HERE = "kernel/experts";

/** Whose weights the slots have before the routed experts'. */
function sharedTurn({ layer, mesh, kernels }: Plan): "none" | "one" | "tiles" {
  const shared = sharedOf(layer, mesh.ep);
  if (shared === undefined) return "none";
  return isTiled(shared, isStreamed(kernels)) ? "tiles" : "one";
}

const RESIDENT_SLOTS = { none: "first", one: "after_one", tiles: "after_tiles" } as const;

/** Templates by the name of what they answer. */
export function expertsBlocks(plan: Plan): Readonly<Record<string, string>> {
  if (isStreamed(plan.kernels)) return {};
  return { weight_slot: `${HERE}/resident/slot/${RESIDENT_SLOTS[sharedTurn(plan)]}` };
}
