/** What a model family must provide: how its `config.json` says what the layer is. */
import type { LayerSpec } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";

export interface ReadLayer {
  /** A config does not say how weights lie: that is the caller's. */
  readonly layer: Omit<LayerSpec, "weights">;
  /** Layer field -> config.json field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Indices of the layers that have experts, where the config says how deep the model is. */
  readonly sparse?: readonly number[] | undefined;
  /** What the layer's caller or its weights' loader must do for this model, one sentence each. */
  readonly notes?: readonly string[];
}

export interface Architecture {
  /** Names that `architectures` may have. */
  readonly names: readonly string[];
  /** Values of `model_type` that stand for the family where no name is known. */
  readonly types?: readonly string[];
  /** Reads the layer, shared experts included; `name` is the one found. Problems go to the reader. */
  read(config: ConfigReader, name: string): ReadLayer;
}
