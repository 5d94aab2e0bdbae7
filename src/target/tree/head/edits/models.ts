/** The models: one line each. A model in no known form is left alone, and specs for it are refused. */
import type { Varying } from "../../tree.ts";
import { deepseeks } from "./models/deepseek.ts";
import { gemma } from "./models/gemma.ts";
import { glms } from "./models/glm.ts";
import { grok } from "./models/grok.ts";
import { lings } from "./models/ling.ts";
import { mimos } from "./models/mimo.ts";
import { minimax } from "./models/minimax.ts";
import { omni } from "./models/omni.ts";
import { qwens } from "./models/qwen.ts";

export const models: readonly Varying[] = [
  grok,
  ...qwens,
  ...lings,
  ...mimos,
  minimax,
  ...glms,
  ...deepseeks,
  omni,
  gemma,
];
