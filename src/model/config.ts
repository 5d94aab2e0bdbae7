/** Reads a Hugging Face `config.json` field by field and remembers what was wrong with it. */
import type { LayerProblem } from "../dsl/brand.ts";
import type { DType } from "../spec/quantization.ts";
import { show } from "../spec/show.ts";

/** A published `config.json`, as a JSON import gives it. */
export interface HuggingFaceConfig {
  readonly architectures?: readonly string[];
  readonly [field: string]: unknown;
}

export interface ConfigProblem extends LayerProblem {
  /** The layer field this value was for: an override of that field answers the problem. */
  readonly layerField?: string;
}

/**
 * A config whose fields are asked for one by one. Whatever is missing or no value is collected in
 * `problems`, never thrown, and a stand-in is returned so that the rest is read.
 */
export class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  /** Index of the layer that is read; undefined: all of them, which are taken to be alike. */
  readonly layer: number | undefined;
  readonly #config: HuggingFaceConfig;

  constructor(config: HuggingFaceConfig, layer?: number) {
    this.#config = config;
    this.layer = layer;
  }

  architecture(): string | undefined {
    const list: unknown = this.#config.architectures;
    const first: unknown = Array.isArray(list) ? list[0] : undefined;
    return typeof first === "string" ? first : undefined;
  }

  /** The value at a field or a path ("ffn_config.moe_top_k"); undefined where absent or null. */
  get(field: string): unknown {
    return this.at(field) ?? undefined;
  }

  /** All fields with their values, as they stand in the config. */
  entries(): readonly (readonly [field: string, value: unknown])[] {
    return Object.entries(this.#config);
  }

  /** The value at a path such as "text_config.quantization_config". */
  at(path: string): unknown {
    return path
      .split(".")
      .reduce<unknown>(
        (value, step) =>
          typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined,
        this.#config,
      );
  }

  /** Told once, however often the field is read. */
  report(problem: ConfigProblem): void {
    const same = ({ configField, message }: ConfigProblem): boolean =>
      configField === problem.configField && message === problem.message;
    if (!this.problems.some(same)) this.problems.push(problem);
  }

  /** The first of `fields` that is a number; else a problem, and 0 so that all else is still read. */
  size(layerField: string, ...fields: readonly string[]): number {
    for (const field of fields) {
      const value = this.get(field);
      if (typeof value === "number") return value;
    }
    const field = fields.join(" or ");
    this.report({
      code: "MOE302",
      layerField,
      configField: field,
      message: `the config has no number in ${field}, needed for ${layerField}`,
      nearest: [],
    });
    return 0;
  }

  /** Field that supplied `size`, for the message that points at it. */
  source(...fields: readonly string[]): string {
    return fields.find((field) => typeof this.get(field) === "number") ?? fields.join(" or ");
  }

  number(field: string, fallback: number): number {
    const value = this.get(field);
    return typeof value === "number" ? value : fallback;
  }

  /** `torch_dtype` (or `dtype`, its name since transformers 5); bfloat16 where it is left out. */
  dtype(): DType {
    const [old, now] = [this.get("torch_dtype"), this.get("dtype")];
    const value = old ?? now ?? "bfloat16";
    if (old !== undefined && now !== undefined && old !== now) {
      this.report({
        ...{ code: "MOE305", layerField: "dtype", configField: "dtype" },
        message: `dtype is ${show(now)}, torch_dtype is ${show(old)}`,
        nearest: ["bfloat16", "float32"],
      });
    }
    if (value === "bfloat16" || value === "float32") return value;
    this.report({
      code: "MOE305",
      layerField: "dtype",
      configField: this.get("torch_dtype") === undefined ? "dtype" : "torch_dtype",
      message: `dtype ${show(value)} is not one the kernel has`,
      nearest: ["bfloat16", "float32"],
    });
    return "bfloat16";
  }
}

/** A reader of any value, or of one layer in it: what is no object has no fields. */
export function readConfig(config: unknown, layer?: number): ConfigReader {
  const usable = typeof config === "object" && config !== null ? config : {};
  return new ConfigReader(usable as HuggingFaceConfig, layer);
}
