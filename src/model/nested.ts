/**
 * Multimodal checkpoints nest the language model's config: `text_config`, or for Omni models
 * `thinker_config.text_config`. A file is read as if that part were all of it.
 */
import { type Dict, isDict } from "../spec/dict.ts";
import type { HuggingFaceConfig } from "./config.ts";
import { SPEAKING } from "./quantization.ts";

export interface LanguageModel {
  /** Its fields, with what the whole model's say of weights' types. */
  readonly config: HuggingFaceConfig;
  /** `architectures` of the whole model, then of the language model. */
  readonly names: readonly string[];
  /** Those of the whole model: one of them is what a server loads. */
  readonly whole: readonly string[];
  /** `model_type` of the language model, then of the whole model. */
  readonly types: readonly unknown[];
  /** The file's name of a field, e.g. "text_config.hidden_size". */
  fileField(field: string): string;
}

/** Tried in this order; the first with a hidden size is the language model. */
const PATHS = [
  ["thinker_config", "text_config"],
  ["text_config"],
  ["language_config"],
  ["llm_config"],
] as const;

const WIDTHS = ["hidden_size", "d_model"] as const;
const DTYPES = ["torch_dtype", "dtype"] as const;

const dictIn = (config: unknown, key: string): Dict | undefined => {
  const value = isDict(config) ? config[key] : undefined;
  return isDict(value) ? value : undefined;
};

const namesOf = (config: Dict | undefined): readonly string[] => {
  const list = config?.architectures;
  return Array.isArray(list) ? list.filter((name) => typeof name === "string") : [];
};

/** The language model that `config` describes; anything but an object describes none. */
export function languageModel(config: unknown): LanguageModel {
  const outer = isDict(config) ? config : {};
  for (const path of PATHS) {
    const inner = path.reduce<Dict | undefined>(dictIn, outer) ?? {};
    if (WIDTHS.some((name) => inner[name] !== undefined))
      return nested(outer, inner, path.join("."));
  }
  return {
    config: outer,
    names: namesOf(outer),
    whole: namesOf(outer),
    types: [outer.model_type],
    fileField: (name) => name,
  };
}

function nested(outer: Dict, inner: Dict, path: string): LanguageModel {
  const own: Record<string, unknown> = { ...inner };
  for (const [name, value] of Object.entries(outer)) {
    if (!SPEAKING.test(name)) continue;
    // Said twice: the whole model's counts, the other is refused by its name.
    if (own[name] !== undefined) own[path] = { [name]: own[name] };
    own[name] = value;
  }
  if (DTYPES.every((name) => own[name] === undefined)) {
    for (const name of DTYPES) own[name] = outer[name];
  }
  return {
    config: own,
    names: [...namesOf(outer), ...namesOf(inner)],
    whole: namesOf(outer),
    types: [inner.model_type, outer.model_type],
    fileField: (name) =>
      inner[name.split(".")[0] ?? name] === undefined ? name : `${path}.${name}`,
  };
}
