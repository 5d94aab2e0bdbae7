/**
 * What `import … from "moegen"` gives a spec. Kept light: loading a spec loads this, so nothing
 * here may pull in the checker, ts-morph or the emitter.
 */

export type {
  BucketInput,
  LayerIndices,
  LayerInput,
  LayerKindInput,
  LayerOverrides,
  LayersInput,
  MeshInput,
  MoeInput,
  QuantizationInput,
  RoutingInput,
  ScheduleInput,
  SharedExpertsInput,
} from "./dsl/input.ts";
export { moe } from "./dsl/moe.ts";
export type { HuggingFaceConfig } from "./model/config.ts";
export type { Auto, Choice, ChoiceSet } from "./spec/choice.ts";
export { auto, choices } from "./spec/choice.ts";
export type {
  Activation,
  LayerSpec,
  RenormEpsilon,
  RoutingSpec,
  Scoring,
  SharedExperts,
} from "./spec/layer.ts";
export type { LayerKind, LayersSpec } from "./spec/layers.ts";
export type { MeshSpec } from "./spec/mesh.ts";
export type {
  DType,
  Quantization,
  QuantizedDType,
  RowDType,
  ScaleGranularity,
  Wire,
} from "./spec/quantization.ts";
export type { BucketSpec, PredictedTimes, ScheduleSpec } from "./spec/schedule.ts";
export type { EmitSpec, MoeSpec } from "./spec/spec.ts";
export type { DeviceName } from "./target/device/registry.ts";
