/** Model families whose `config.json` can be read: one file and one entry each. */
import { afmoe } from "./afmoe.ts";
import type { Architecture } from "./architecture.ts";
import { arctic } from "./arctic.ts";
import { bailing } from "./bailing.ts";
import { dbrx } from "./dbrx.ts";
import { deepseek } from "./deepseek.ts";
import { deepseekv4 } from "./deepseekv4.ts";
import { dots } from "./dots.ts";
import { ernie } from "./ernie.ts";
import { exaone } from "./exaone.ts";
import { gemma } from "./gemma.ts";
import { glm } from "./glm.ts";
import { gptoss } from "./gptoss.ts";
import { granite } from "./granite.ts";
import { grok } from "./grok.ts";
import { hunyuan } from "./hunyuan.ts";
import { jamba } from "./jamba.ts";
import { kimi } from "./kimi.ts";
import { laguna } from "./laguna.ts";
import { lfm } from "./lfm.ts";
import { llama } from "./llama.ts";
import { longcat } from "./longcat.ts";
import { mellum } from "./mellum.ts";
import { mimo } from "./mimo.ts";
import { minimax } from "./minimax.ts";
import { mistral } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import { nemotron } from "./nemotron.ts";
import { olmoe } from "./olmoe.ts";
import { phimoe } from "./phimoe.ts";
import { qwen } from "./qwen.ts";
import { solar } from "./solar.ts";
import { step } from "./step.ts";

export const models = {
  qwen,
  deepseek,
  deepseekv4,
  kimi,
  glm,
  minimax,
  mimo,
  gptoss,
  bailing,
  gemma,
  llama,
  nemotron,
  step,
  hunyuan,
  ernie,
  longcat,
  dots,
  exaone,
  solar,
  mistral,
  laguna,
  afmoe,
  lfm,
  granite,
  olmoe,
  mellum,
  mixtral,
  grok,
  dbrx,
  jamba,
  arctic,
  phimoe,
} as const satisfies Readonly<Record<string, Architecture>>;

const families: readonly Architecture[] = Object.values(models);

export interface Identified {
  /** The name or model type that the family knows. */
  readonly name: string;
  readonly family: Architecture;
}

/**
 * The family of a config: by the first of its `architectures` that is known (the language model's
 * come after the whole model's), else by `model_type`, as transformers' Auto classes go.
 */
export function identify(
  names: readonly string[],
  types: readonly unknown[],
): Identified | undefined {
  for (const name of names) {
    const family = families.find((one) => one.names.includes(name));
    if (family !== undefined) return { name, family };
  }
  for (const type of types) {
    const family = families.find((one) => one.types?.some((known) => known === type));
    if (family !== undefined && typeof type === "string") return { name: type, family };
  }
  return undefined;
}

/** Names as `architectures` of a config has them, of all families. */
export function knownArchitectures(): readonly string[] {
  return families.flatMap((family) => family.names);
}

/** Known names that begin most like `name`, best first. */
export function nearestArchitectures(name: string): readonly string[] {
  const like = (known: string): number => {
    const at = [...known].findIndex((letter, index) => letter !== name[index]);
    return at === -1 ? known.length : at;
  };
  return [...knownArchitectures()].sort((a, b) => like(b) - like(a)).slice(0, 5);
}
