/** The call: its arguments, their shardings and what its docstrings say of layer and mesh. */
import type { Part } from "../part.ts";
import { sharedOf } from "../shared-experts/spread.ts";
import { argumentsContext } from "./arguments.ts";
import { apiBlocks } from "./blocks.ts";
import { headerContext } from "./context.ts";

export const api: Part = {
  context: (plan) => ({
    ...argumentsContext(plan, sharedOf(plan.layer, plan.mesh.ep)),
    ...headerContext(plan),
  }),
  blocks: apiBlocks,
};
