/**
 * Excerpts of published configs: the fields that their families' readers and modelling code name.
 * `source` is where they were read: the model's config.json, or code that names the fields and has the
 * checkpoint's figures as defaults (transformers' `@auto_docstring(checkpoint=…)`), or their meaning.
 */
import type { LayerSpec, SharedExperts } from "../../../src/spec/layer.ts";

type Kernel = Extract<LayerSpec["routing"], { where: "kernel" }>;

export interface Published {
  readonly source: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Worked out by hand from the modelling code; silu, fused and bfloat16 unless it says another. */
  readonly layer: Omit<LayerSpec, "weights" | "dtype" | "activation"> &
    Partial<Pick<LayerSpec, "activation" | "weights">>;
  /** Layers with experts. */
  readonly layers: number;
}

/** Renormalised and not scaled, unless `more` says another. */
export const routing = (scoring: Kernel["scoring"], more: Partial<Kernel> = {}): Kernel => ({
  where: "kernel",
  scoring,
  renormalize: true,
  scalingFactor: 1,
  ...more,
});

/** Sigmoid scores with a correction bias. */
export const biased = (scalingFactor = 1): Kernel =>
  routing("sigmoid", { scalingFactor, correctionBias: true });

/** The same, and what DeepSeek-V3's code adds to the sum that divides, or `renormEpsilon`. */
export const added = (scalingFactor = 1, renormEpsilon = 1e-20): Kernel => ({
  ...biased(scalingFactor),
  renormEpsilon,
});

export const sizes = (experts: number, topK: number, hidden: number, intermediate: number) => ({
  experts,
  topK,
  hidden,
  intermediate,
});

export const shared = (count: number, intermediate: number): SharedExperts => ({
  count,
  intermediate,
});

export const hub = (path: string): string => `https://huggingface.co/${path}/blob/main/config.json`;

/** The file of transformers 5.24 that the figures were read from. */
export const transformers = (path: string): string =>
  `https://github.com/huggingface/transformers/blob/v5.24.0/src/transformers/models/${path}`;
