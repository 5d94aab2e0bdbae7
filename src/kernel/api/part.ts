/** The call: its arguments, their shardings and what its docstrings say of layer and mesh. */
import type { Part } from "../part.ts";
import { planShared } from "../shared-experts/spread.ts";
import { argumentsContext } from "./arguments.ts";
import { apiBlocks } from "./blocks.ts";
import { headerContext } from "./context.ts";

export const api: Part = {
  context: (plan) => ({
    ...argumentsContext(plan, planShared(plan)),
    ...headerContext(plan),
  }),
  blocks: apiBlocks,
};
