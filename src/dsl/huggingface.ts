import { type HuggingFaceConfig, readConfig } from "../model/config.ts";
import { languageModel } from "../model/nested.ts";
import { readQuantization } from "../model/quantization.ts";
import { identify, nearestArchitectures } from "../model/registry.ts";
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
  const model = languageModel(config);
  const reader = readConfig(model.config);
  const known = identify(model.names, model.types);
  // A null from plain JavaScript is no override.
  const { sharedExperts, quantization, quantConfig, ...replaced } = overrides ?? {};
  if (known === undefined) {
    const [name] = model.names;
    const problem: LayerProblem = {
      code: "MOE301",
      configField: "architectures",
      message:
        name === undefined
          ? "the config names no architecture"
          : `architecture ${name} is not known`,
      nearest: nearestArchitectures(name ?? ""),
    };
    return brandLayer(replaced as LayerSpec, {
      architecture: name ?? "unknown",
      fields: {},
      problems: [problem],
    });
  }
  const { layer, fields: read, layers, notes = [] } = known.family.read(reader, known.name);
  const checkpoint = readQuantization(reader, layer.experts, quantConfig);
  const fields = { ...read, ...(checkpoint && { quantization: checkpoint.field }) };
  const given = Object.entries({
    ...replaced,
    ...(sharedExperts === "outside" ? {} : { sharedExperts }),
    ...(quantization === "none" ? {} : { quantization }),
  }).filter(([, value]) => value !== undefined);
  const overridden = new Set(given.map(([key]) => key));
  if (quantization === "none") overridden.add("quantization");
  if (sharedExperts === "outside") overridden.add("sharedExperts");
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
    architecture: known.name,
    ...(layers === undefined ? {} : { layers }),
    ...(quantization === undefined && quantConfig === undefined ? { askBeside: true } : {}),
    ...(notes.length === 0 ? {} : { notes }),
    fields: Object.fromEntries(
      Object.entries(fields)
        .filter(([key]) => !overridden.has(key))
        .map(([key, field]) => [key, model.fileField(field)]),
    ),
    problems: reader.problems
      .filter(({ layerField }) => layerField === undefined || !overridden.has(layerField))
      .map((problem) => ({ ...problem, configField: model.fileField(problem.configField) })),
  });
}
