/** The layer of the tests of where rows and sums lie: small, with rows of whole tiles. */
import type { LayerSpec } from "../../src/spec/layer.ts";

export const LAYER: LayerSpec = {
  experts: 64,
  topK: 4,
  hidden: 4096,
  intermediate: 256,
  activation: "silu",
  dtype: "bfloat16",
  weights: "separate",
  routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
};
