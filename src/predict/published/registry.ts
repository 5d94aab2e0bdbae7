/** The published schedules: one file beside this one and a line here. */
import { epmoe } from "./epmoe.ts";
import type { Published } from "./published.ts";
import { sglJaxV1 } from "./sgl-jax-v1.ts";
import { sglJaxV2 } from "./sgl-jax-v2.ts";
import { tpuInferenceFusedGmm } from "./tpu-inference-fused-gmm.ts";
import { tpuInferenceGmm } from "./tpu-inference-gmm.ts";
import { tpuInferenceRows } from "./tpu-inference-rows.ts";
import { tpuInferenceRuns } from "./tpu-inference-runs.ts";
import { tpuInferenceV1 } from "./tpu-inference-v1.ts";

export const published: readonly Published[] = [
  epmoe,
  sglJaxV1,
  sglJaxV2,
  tpuInferenceGmm,
  tpuInferenceFusedGmm,
  tpuInferenceRuns,
  tpuInferenceRows,
  tpuInferenceV1,
];

export const publishedNames = published.map(({ name }) => name);
