/** What a model family must provide: how its `config.json` says what the layer is. */
import type { LayerSpec } from "../dsl/spec.ts";
import type { Answered, ConfigReader } from "./config.ts";

export interface ReadLayer {
  /** A config does not say how weights lie: that is the caller's. */
  readonly layer: Omit<LayerSpec, "weights">;
  /** Layer field -> config.json field. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Architecture {
  /** Names that `architectures[0]` may have. */
  readonly names: readonly string[];
  /** Reads the layer; problems go to the reader, except those the user has answered for. */
  read(config: ConfigReader, answered: Answered): ReadLayer;
}

/** Shared experts run beside the routed ones and are added: the kernel has only the latter. */
export function reportSharedExperts(config: ConfigReader, answered: Answered, field: string): void {
  if (answered.sharedExperts) return;
  config.report({
    code: "MOE304",
    configField: field,
    message: `the model adds shared experts (${field} = ${String(config.get(field))}), which the kernel does not compute`,
    nearest: ['{ sharedExperts: "outside" }'],
  });
}
