/** What `npm run bench:aot` compiles: the examples, the feature matrix at full size, edges of sizes. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dist } from "../../../src/house/paths.mjs";
import { DECODE, examples, PREFILL, specOf } from "../measure.mjs";

/** @typedef {import("../../../src/spec/spec.ts").MoeSpec} MoeSpec */
/** @typedef {import("../../../src/target/device/registry.ts").DeviceName} DeviceName */
/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {MoeSpec} spec its devices are those that it is compiled for
 * @property {readonly number[]} tokens
 */

const load = (/** @type {readonly string[]} */ ...path) =>
  import(pathToFileURL(join(dist, ...path)).href);

/** @type {readonly [DeviceName, ...DeviceName[]]} */
export const DEVICES = ["v5e", "v5p", "v6e", "v7x"];

/** @returns {Promise<readonly Entry[]>} */
async function exampleEntries() {
  const specs = await Promise.all(examples().map(specOf));
  return specs.map((spec, index) => ({
    name: examples()[index] ?? spec.name,
    spec,
    tokens: [DECODE, PREFILL],
  }));
}

/** @returns {Promise<readonly Entry[]>} */
async function matrixEntries() {
  /** @type {[typeof import("../../../src/validate/matrix/rows.ts"), typeof import("../../../src/validate/matrix/full-size.ts"), typeof import("../../../src/schedule/registry.ts")]} */
  const [{ matrixRows }, { fullSizeOf }, { schedules }] = await Promise.all([
    load("validate", "matrix", "rows.js"),
    load("validate", "matrix", "full-size.js"),
    load("schedule", "registry.js"),
  ]);
  return matrixRows(schedules).map((row, index) => {
    const { spec, tokens } = fullSizeOf(row, index, schedules);
    return {
      name: spec.name.replace("row_", "row-"),
      spec: { ...spec, devices: DEVICES },
      tokens,
    };
  });
}

/** Sizes at the ends of what tiles allow, where a model of VMEM is most likely to be wrong. */
/** @type {Readonly<Record<string, { bt: number, bf: number, bd: number, layer?: Partial<MoeSpec["layer"]> }>>} */
const EDGES = {
  "rows-16": { bt: 16, bf: 768, bd: 2048 },
  "rows-256": { bt: 256, bf: 768, bd: 2048 },
  "rows-512": { bt: 512, bf: 768, bd: 2048 },
  "rows-512-streamed": { bt: 512, bf: 384, bd: 1024 },
  "f32-rows-128": { bt: 128, bf: 768, bd: 2048, layer: { dtype: "float32" } },
  "f32-streamed": { bt: 128, bf: 256, bd: 1024, layer: { dtype: "float32" } },
  "f-256": { bt: 128, bf: 256, bd: 2048, layer: { intermediate: 256 } },
  "f-1408": { bt: 128, bf: 1408, bd: 2048, layer: { intermediate: 1408 } },
  "d-8192": { bt: 64, bf: 256, bd: 8192, layer: { hidden: 8192, experts: 8, topK: 2 } },
  "f-16384": {
    ...{ bt: 128, bf: 512, bd: 2048 },
    layer: { hidden: 8192, intermediate: 16384, experts: 8, topK: 2, activation: "gelu_erf" },
  },
  "experts-384": { bt: 64, bf: 512, bd: 2048, layer: { experts: 384, intermediate: 512 } },
};

/** @returns {Promise<readonly Entry[]>} */
async function edgeEntries() {
  const base = await specOf("qwen3-30b-a3b");
  return Object.entries(EDGES).map(([name, { layer, ...tiles }]) => {
    const upTo = Math.max(512, tiles.bt);
    /** @type {MoeSpec} */
    const spec = {
      ...base,
      name: name.replaceAll("-", "_"),
      layer: { ...base.layer, ...layer },
      devices: DEVICES,
      schedule: { kind: "gather", tiles: { all: { upTo, ...tiles } } },
    };
    return { name, spec, tokens: [upTo] };
  });
}

/** @returns {Promise<readonly Entry[]>} */
export async function entries() {
  const lists = await Promise.all([exampleEntries(), edgeEntries(), matrixEntries()]);
  return lists.flat();
}

/**
 * What a row of the table says of a spec beside its name.
 * @param {MoeSpec} spec
 */
export function featuresOf({ layer, mesh }) {
  const { routing, activation } = layer;
  const scoring = routing.where === "given" ? "given" : routing.scoring;
  return [
    `E ${layer.experts} k ${layer.topK} D ${layer.hidden} F ${layer.intermediate} ep ${mesh.ep}`,
    layer.dtype === "float32" ? "f32" : "bf16",
    typeof activation === "string" ? activation : activation.kind,
    scoring,
    ...(routing.where === "kernel" && routing.groups ? ["groups"] : []),
    ...(routing.where === "kernel" && routing.correctionBias ? ["correction"] : []),
    ...(layer.biases ? ["biases"] : []),
    ...(layer.sharedExperts ? [layer.sharedExperts.gate ? "gated shared" : "shared"] : []),
    ...(layer.weights === "fused" ? [] : [layer.weights]),
  ].join(", ");
}
