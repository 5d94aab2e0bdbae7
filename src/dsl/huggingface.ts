import { type HuggingFaceConfig, readConfig } from "../model/config.ts";
import { readQuantization } from "../model/quantization.ts";
import { findArchitecture, knownArchitectures } from "../model/registry.ts";
import type { LayerSpec } from "../spec/layer.ts";
import { brandLayer, type LayerProblem } from "./brand.ts";
import type { LayerOverrides } from "./input.ts";

/**
 * The layer of a published model, from its `config.json`. `overrides` replaces single values;
 * `routing` is replaced as a whole, and replacing it also answers for routing that the kernel
 * does not have. Nothing is thrown: what is wrong is reported by the checker, with all the rest.
 */
export function fromHuggingFace(
  config: HuggingFaceConfig,
  overrides: LayerOverrides = {},
): LayerSpec {
  const reader = readConfig(config);
  const name = reader.architecture();
  const architecture = findArchitecture(name);
  // A null from plain JavaScript is no override.
  const { sharedExperts, quantization, quantConfig, ...replaced } = overrides ?? {};
  if (architecture === undefined) {
    const known = knownArchitectures();
    const problem: LayerProblem = {
      code: "MOE301",
      configField: "architectures",
      message:
        name === undefined
          ? "the config names no architecture"
          : `architecture ${name} is not known`,
      nearest: known,
    };
    return brandLayer(replaced as LayerSpec, {
      architecture: name ?? "unknown",
      fields: {},
      problems: [problem],
    });
  }
  const { layer, fields: read, layers } = architecture.read(reader);
  const checkpoint = readQuantization(reader, layer.experts, quantConfig);
  const fields = { ...read, ...(checkpoint && { quantization: checkpoint.field }) };
  const given = Object.entries({
    ...replaced,
    ...(sharedExperts === "outside" ? {} : { sharedExperts }),
    ...(quantization === "none" ? {} : { quantization }),
  }).filter(([, value]) => value !== undefined);
  const overridden = new Set(given.map(([key]) => key));
  if (quantization === "none") overridden.add("quantization");
  const { sharedExperts: published, ...routed } = layer;
  // Where the checkpoint leaves the shared experts as they are, so does the kernel.
  const inside =
    published !== undefined && checkpoint?.sharedPlain === true && quantization === undefined
      ? { ...published, quantization: "none" as const }
      : published;
  const base =
    sharedExperts === "outside" || inside === undefined
      ? routed
      : { ...routed, sharedExperts: inside };
  const merged: LayerSpec = {
    weights: "fused",
    ...base,
    ...(quantization === "none" || checkpoint === undefined
      ? {}
      : { quantization: checkpoint.quantization }),
    ...Object.fromEntries(given),
  };
  return brandLayer(merged, {
    architecture: name ?? "unknown",
    ...(layers === undefined ? {} : { layers }),
    ...(quantization === undefined && quantConfig === undefined ? { askBeside: true } : {}),
    fields: Object.fromEntries(Object.entries(fields).filter(([key]) => !overridden.has(key))),
    problems: reader.problems.filter(
      (problem) => problem.layerField === undefined || !overridden.has(problem.layerField),
    ),
  });
}
