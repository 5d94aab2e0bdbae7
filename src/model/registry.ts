/** Model families whose `config.json` can be read: one file and one entry each. */
import type { Architecture } from "./architecture.ts";
import { bailing } from "./bailing.ts";
import { deepseek } from "./deepseek.ts";
import { gptoss } from "./gptoss.ts";
import { grok } from "./grok.ts";
import { mixtral } from "./mixtral.ts";
import { qwen } from "./qwen.ts";

export const models = {
  qwen,
  grok,
  bailing,
  deepseek,
  gptoss,
  mixtral,
} as const satisfies Readonly<Record<string, Architecture>>;

const families: readonly Architecture[] = Object.values(models);

export function findArchitecture(name: string | undefined): Architecture | undefined {
  return families.find((family) => name !== undefined && family.names.includes(name));
}

export function knownArchitectures(): readonly string[] {
  return families.flatMap((family) => family.names);
}
