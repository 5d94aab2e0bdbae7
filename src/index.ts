/**
 * What `import … from "moegen"` gives a spec. Kept light: loading a spec loads this, so nothing
 * here may pull in the checker, ts-morph or the emitter.
 */
export { auto, choices } from "./dsl/choice.ts";
export type {
  BucketInput,
  LayerInput,
  LayerOverrides,
  MeshInput,
  MoeInput,
  QuantizationInput,
  RoutingInput,
  ScheduleInput,
  SharedExpertsInput,
} from "./dsl/input.ts";
export { moe } from "./dsl/moe.ts";
export type {
  Activation,
  Auto,
  BucketSpec,
  Choice,
  ChoiceSet,
  DeviceName,
  DType,
  EmitSpec,
  LayerSpec,
  MeshSpec,
  MoeSpec,
  PredictedTimes,
  Quantization,
  QuantizedDType,
  RoutingSpec,
  RowDType,
  ScaleGranularity,
  ScheduleSpec,
  Scoring,
  SharedExperts,
  Wire,
} from "./dsl/spec.ts";
export type { HuggingFaceConfig } from "./model/config.ts";
