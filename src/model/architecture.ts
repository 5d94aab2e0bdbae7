/** What a model family must provide: how its `config.json` says what the layer is. */
import type { LayerSpec } from "../spec/layer.ts";
import type { ConfigReader } from "./config.ts";

export interface ReadLayer {
  /** A config does not say how weights lie: that is the caller's. */
  readonly layer: Omit<LayerSpec, "weights">;
  /** Layer field -> config.json field. */
  readonly fields: Readonly<Record<string, string>>;
  /** Layers of this kind in the model, where the config says how many. */
  readonly layers?: number | undefined;
}

export interface Architecture {
  /** Names that `architectures[0]` may have. */
  readonly names: readonly string[];
  /** Reads the layer, shared experts included; problems go to the reader. */
  read(config: ConfigReader): ReadLayer;
}
