/**
 * The kinds of values: what TypeScript says already, said again for a spec that got round it
 * (a cast, plain JavaScript, a JSON file). What fails here is not judged further.
 */
import { layerIncomplete } from "../../dsl/brand.ts";
import { show } from "../../spec/show.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { type Dict, Kinds, type Vocabulary } from "./kinds.ts";
import { checkSchedule } from "./shape-schedule.ts";

/**
 * Findings about the kinds of a whole spec's values: MOE102 (kind, missing, unknown name), MOE103,
 * MOE113, MOE114.
 */
export function checkShape(spec: Dict, vocabulary: Vocabulary): readonly Finding[] {
  const kinds = new Kinds();
  const keys = ["name", "source", "architecture", "layer", "mesh", "devices", "schedule", "emit"];
  kinds.keys([], spec, keys);
  kinds.string(["name"], spec.name);
  if (spec.source !== undefined) kinds.string(["source"], spec.source);
  if (spec.architecture !== undefined) kinds.string(["architecture"], spec.architecture);
  checkLayer(kinds, spec.layer);
  checkMesh(kinds, spec.mesh);
  for (const [index, device] of kinds.list(["devices"], spec.devices).entries()) {
    kinds.oneOf(["devices", index], device, vocabulary.devices);
  }
  checkSchedule(kinds, spec.schedule, vocabulary, spec.devices);
  const emit = kinds.object(["emit"], spec.emit);
  if (emit !== undefined) {
    kinds.keys(["emit"], emit, ["reference"]);
    kinds.boolean(["emit", "reference"], emit.reference);
  }
  return kinds.told();
}

/** Whether no value at, below or around a path was refused; a stray key spoils what it stands for. */
export function isSound(findings: readonly Finding[], path: SpecPath): boolean {
  return !findings.some(({ at, path: own, insteadOf }) => {
    const spoilt = at === "key" ? insteadOf : own;
    return spoilt?.every((step, index) => index >= path.length || path[index] === step) === true;
  });
}

function checkLayer(kinds: Kinds, value: unknown): void {
  const path = ["layer"];
  const layer = kinds.object(path, value);
  // What an unknown architecture or a bad config left out is reported as such, not again here.
  if (layer === undefined || layerIncomplete(value)) return;
  const sizes = ["experts", "topK", "hidden", "intermediate"];
  const counts = ["redundantExperts", "heldExperts", "identityExperts"];
  const further = ["quantization", "wire", "sharedExperts", "scoreOn", ...counts];
  const flags = ["biases", "deterministic"];
  const named = ["activation", "dtype", "weights", "routing"];
  kinds.keys(path, layer, [...sizes, ...named, ...further, ...flags]);
  for (const size of sizes) kinds.positive([...path, size], layer[size]);
  checkActivation(kinds, [...path, "activation"], layer.activation);
  kinds.oneOf([...path, "dtype"], layer.dtype, ["bfloat16", "float32"]);
  kinds.oneOf([...path, "weights"], layer.weights, LAYOUTS);
  checkRouting(kinds, [...path, "routing"], layer.routing);
  const { quantization, biases, deterministic, sharedExperts, scoreOn } = layer;
  if (scoreOn !== undefined) kinds.oneOf([...path, "scoreOn"], scoreOn, ["input"]);
  if (quantization !== undefined) {
    checkQuantization(kinds, [...path, "quantization"], quantization, ["activations"]);
  }
  if (layer.wire !== undefined) checkWire(kinds, [...path, "wire"], layer.wire);
  if (biases !== undefined && biases !== true) {
    kinds.wrong([...path, "biases"], biases, "true, or left out: they lie as the weights do", [
      "true",
    ]);
  }
  if (deterministic !== undefined && deterministic !== true) {
    kinds.wrong([...path, "deterministic"], deterministic, "true, or left out", ["true"]);
  }
  if (sharedExperts !== undefined) checkShared(kinds, [...path, "sharedExperts"], sharedExperts);
  for (const count of counts) {
    if (layer[count] !== undefined) kinds.positive([...path, count], layer[count]);
  }
}

const QUANTIZED = ["float8_e4m3fn", "float8_e5m2", "int8", "float4_e2m1fn", "int4"];

/** `rows`: fields of rows, which the shared experts' own quantisation does not have. */
function checkQuantization(
  kinds: Kinds,
  path: SpecPath,
  value: unknown,
  rows: readonly string[],
): void {
  const quantization = kinds.object(path, value);
  if (quantization === undefined) return;
  kinds.keys(path, quantization, ["weights", "granularity", "scales", "checkpoint", ...rows]);
  kinds.oneOf([...path, "weights"], quantization.weights, QUANTIZED);
  kinds.oneOf([...path, "scales"], quantization.scales, ["float32", "bfloat16", "float8_e8m0fnu"]);
  if (quantization.checkpoint !== undefined) {
    kinds.oneOf([...path, "checkpoint"], quantization.checkpoint, ["nvfp4"]);
  }
  if (rows.length > 0 && quantization.activations !== undefined) {
    kinds.oneOf([...path, "activations"], quantization.activations, ["int8", "float8_e4m3fn"]);
  }
  const where = [...path, "granularity"];
  const { granularity } = quantization;
  if (typeof granularity !== "object" || granularity === null) {
    const plain = ["per_channel", "blocks_128x128"];
    kinds.oneOf(where, granularity, plain, ['{ kind: "sub_channel", block: 128 }']);
    return;
  }
  const sub = kinds.object(where, granularity);
  if (sub === undefined) return;
  kinds.keys(where, sub, ["kind", "block"]);
  kinds.oneOf([...where, "kind"], sub.kind, ["sub_channel"]);
  kinds.positive([...where, "block"], sub.block);
}

function checkWire(kinds: Kinds, path: SpecPath, value: unknown): void {
  const wire = kinds.object(path, value);
  if (wire === undefined) return;
  kinds.keys(path, wire, ["dispatch", "combine"]);
  if (wire.dispatch !== undefined) {
    kinds.oneOf([...path, "dispatch"], wire.dispatch, ["int8", "float8_e4m3fn"]);
  }
  if (wire.combine !== undefined) kinds.oneOf([...path, "combine"], wire.combine, ["int8"]);
}

function checkShared(kinds: Kinds, path: SpecPath, value: unknown): void {
  const shared = kinds.object(path, value);
  if (shared === undefined) return;
  kinds.keys(path, shared, ["count", "intermediate", "gate", "activation", "quantization"]);
  kinds.positive([...path, "count"], shared.count);
  kinds.positive([...path, "intermediate"], shared.intermediate);
  if (shared.gate !== undefined) kinds.oneOf([...path, "gate"], shared.gate, ["sigmoid"]);
  if (shared.activation !== undefined) {
    checkActivation(kinds, [...path, "activation"], shared.activation);
  }
  const { quantization } = shared;
  if (typeof quantization === "string")
    kinds.oneOf([...path, "quantization"], quantization, ["none"]);
  else if (quantization !== undefined) {
    checkQuantization(kinds, [...path, "quantization"], quantization, []);
  }
}

const PLAIN_ACTIVATIONS = ["silu", "gelu", "gelu_erf", "relu2"];
const LAYOUTS = ["fused", "separate", "side_by_side", "up"];
const ACTIVATION_FIELDS: Readonly<Record<string, readonly string[]>> = {
  clamped_swiglu: ["limit"],
  silu_clamped: ["limit"],
  swigluoai: ["alpha", "limit"],
  situ: ["beta", "linearBeta"],
};
const OPTIONAL = ["linearBeta"];

function checkActivation(kinds: Kinds, path: SpecPath, value: unknown): void {
  if (typeof value !== "object" || value === null) {
    kinds.oneOf(path, value, PLAIN_ACTIVATIONS, [
      '{ kind: "clamped_swiglu", limit: 7 }',
      '{ kind: "silu_clamped", limit: 7 }',
      '{ kind: "swigluoai", alpha: 1.702, limit: 7 }',
      '{ kind: "situ", beta: 4, linearBeta: 25 }',
    ]);
    return;
  }
  const activation = kinds.object(path, value);
  if (activation === undefined) return;
  const { kind } = activation;
  if (typeof kind === "string" && PLAIN_ACTIVATIONS.includes(kind)) {
    // silu with a limit has a name of its own.
    const clamped = kind === "silu" && activation.limit !== undefined;
    const nearest = clamped ? `{ kind: "clamped_swiglu", limit: ${show(activation.limit)} }` : kind;
    kinds.wrong(path, value, `"${kind}" as it is: it has no alpha and no limit`, [nearest]);
    return;
  }
  kinds.oneOf([...path, "kind"], kind, Object.keys(ACTIVATION_FIELDS));
  const fields = typeof kind === "string" ? ACTIVATION_FIELDS[kind] : undefined;
  if (fields === undefined) return;
  kinds.keys(path, activation, ["kind", ...fields]);
  for (const field of fields) {
    if (activation[field] === undefined && OPTIONAL.includes(field)) continue;
    kinds.factor([...path, field], activation[field]);
  }
}

const SCORINGS = ["softmax", "sigmoid", "sqrt_softplus", "none"];

function checkRouting(kinds: Kinds, path: SpecPath, value: unknown): void {
  const routing = kinds.object(path, value);
  if (routing === undefined) return;
  kinds.oneOf([...path, "where"], routing.where, ["kernel", "given"]);
  if (routing.where === "given") kinds.keys(path, routing, ["where"]);
  if (routing.where !== "kernel") return;
  const factors = ["scalingFactor", "logitSoftCap", "scoreNear"];
  const choices = ["renormEpsilon", "scoreChosen", "groups", "correctionBias"];
  kinds.keys(path, routing, ["where", "scoring", "renormalize", ...factors, ...choices]);
  kinds.oneOf([...path, "scoring"], routing.scoring, SCORINGS);
  kinds.boolean([...path, "renormalize"], routing.renormalize);
  kinds.factor([...path, "scalingFactor"], routing.scalingFactor);
  for (const optional of ["logitSoftCap", "scoreNear"]) {
    if (routing[optional] !== undefined) kinds.factor([...path, optional], routing[optional]);
  }
  if (routing.renormEpsilon !== undefined) {
    checkEpsilon(kinds, [...path, "renormEpsilon"], routing.renormEpsilon);
  }
  for (const flag of ["scoreChosen", "correctionBias"]) {
    if (routing[flag] !== undefined) kinds.boolean([...path, flag], routing[flag]);
  }
  if (routing.groups !== undefined) checkGroups(kinds, [...path, "groups"], routing.groups);
}

function checkEpsilon(kinds: Kinds, path: SpecPath, value: unknown): void {
  if (typeof value === "number") {
    kinds.factor(path, value);
  } else if (typeof value !== "object" || value === null || Array.isArray(value)) {
    kinds.wrong(path, value, "a number, { atLeast: 1e-12 }");
  } else {
    const least = value as Dict;
    kinds.keys(path, least, ["atLeast"]);
    kinds.factor([...path, "atLeast"], least.atLeast);
  }
}

function checkGroups(kinds: Kinds, path: SpecPath, value: unknown): void {
  const groups = kinds.object(path, value);
  if (groups === undefined) return;
  kinds.keys(path, groups, ["count", "kept", "score"]);
  kinds.positive([...path, "count"], groups.count);
  kinds.positive([...path, "kept"], groups.kept);
  kinds.oneOf([...path, "score"], groups.score, ["max", "sum_of_top_2"]);
}

function checkMesh(kinds: Kinds, value: unknown): void {
  const mesh = kinds.object(["mesh"], value);
  if (mesh === undefined) return;
  kinds.keys(["mesh"], mesh, ["ep", "axes", "tp", "tpAxes", "tokenAxes", "padExperts"]);
  // What `moe` did not take away; true fills up nothing.
  if (mesh.padExperts !== undefined && mesh.padExperts !== true) {
    kinds.wrong(["mesh", "padExperts"], mesh.padExperts, "true, or left out", ["true"]);
  }
  kinds.positive(["mesh", "ep"], mesh.ep);
  for (const [index, axis] of kinds.list(["mesh", "axes"], mesh.axes).entries()) {
    kinds.string(["mesh", "axes", index], axis);
  }
  if (mesh.tp !== undefined) kinds.positive(["mesh", "tp"], mesh.tp);
  if (mesh.tpAxes !== undefined) {
    for (const [index, axis] of kinds.list(["mesh", "tpAxes"], mesh.tpAxes).entries()) {
      kinds.string(["mesh", "tpAxes", index], axis);
    }
  }
  if (mesh.tokenAxes === undefined) return;
  for (const [index, axis] of kinds.list(["mesh", "tokenAxes"], mesh.tokenAxes).entries()) {
    kinds.string(["mesh", "tokenAxes", index], axis);
  }
}
