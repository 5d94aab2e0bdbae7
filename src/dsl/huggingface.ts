import { isDeepStrictEqual } from "node:util";
import type { ReadLayer } from "../model/architecture.ts";
import { type ConfigReader, type HuggingFaceConfig, readConfig } from "../model/config.ts";
import { guessLayer } from "../model/guess.ts";
import { type LanguageModel, languageModel } from "../model/nested.ts";
import { readQuantization } from "../model/quantization.ts";
import { identify, nearestArchitectures } from "../model/registry.ts";
import { defined } from "../spec/defined.ts";
import type { LayerSpec } from "../spec/layer.ts";
import { isIndex, MOST_LAYERS } from "../spec/layers.ts";
import { show } from "../spec/show.ts";
import { brandLayer, type LayerProblem, layerOrigin } from "./brand.ts";
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
  // A null from plain JavaScript is no override.
  const { at, ...others } = overrides ?? {};
  const layer = readLayer(config, others, at ?? undefined);
  const origin = layerOrigin(layer);
  const alike = (): readonly number[] | undefined =>
    origin?.sparse?.filter(
      (index) => index === at || isDeepStrictEqual(readLayer(config, others, index), layer),
    );
  if (origin === undefined || at === undefined || at === null) {
    later.set(layer, alike);
    return layer;
  }
  const told = askedFor(at, origin.sparse);
  const problems = [...origin.problems, ...told];
  return brandLayer({ ...layer }, { ...origin, ...defined({ alike: alike() }), problems });
}

/** How to find the layers that are read as one is that was read without an index: most specs do not ask. */
const later = new WeakMap<object, () => readonly number[] | undefined>();

/** A layer of a kind: where it was read for no index, with the layers that are read as it is. */
export function withAlike(layer: unknown): unknown {
  const origin = layerOrigin(layer);
  if (origin === undefined || typeof layer !== "object" || layer === null) return layer;
  const alike = later.get(layer)?.();
  return alike === undefined ? layer : brandLayer({ ...layer }, { ...origin, alike });
}

/** What is wrong with the index of a layer. */
function askedFor(at: unknown, sparse: readonly number[] | undefined): readonly LayerProblem[] {
  const problem = (message: string, nearest: readonly string[]): readonly LayerProblem[] => [
    { code: "MOE173", configField: "layers", message, nearest },
  ];
  if (sparse === undefined) {
    if (isIndex(at)) return [];
    return problem(`layer ${show(at)} is not an index from 0 to ${MOST_LAYERS - 1}`, []);
  }
  if (sparse.some((index) => index === at)) return [];
  const off = (index: number): number => Math.abs(index - (typeof at === "number" ? at : 0));
  const [nearest] = sparse.toSorted((a, b) => (off(a) || 0) - (off(b) || 0));
  return problem(`layer ${show(at)} has no experts in the config`, [`at: ${nearest}`]);
}

/** The layer at an index, or, where there is none, what is the same for all of them. */
function readLayer(
  config: HuggingFaceConfig,
  overrides: Omit<LayerOverrides, "at">,
  at: number | undefined,
): LayerSpec {
  const model = languageModel(config);
  const reader = readConfig(model.config, at);
  const known = identify(model.names, model.types);
  // A null from plain JavaScript is no override.
  const { sharedExperts, quantization, quantConfig, guess, ...replaced } = overrides;
  const read = known?.family.read(reader, known.name) ?? unknownFamily(reader, guess, replaced);
  if (read === undefined) {
    const [name] = model.names;
    return brandLayer(replaced as LayerSpec, {
      ...defined({ architecture: name }),
      fields: {},
      problems: [notKnown(name)],
    });
  }
  const { layer, fields: readFields, sparse, notes = [] } = read;
  const checkpoint = readQuantization(
    reader,
    { experts: layer.experts, architecture: known?.name ?? model.names[0] },
    quantConfig,
  );
  const fields = { ...readFields, ...(checkpoint && { quantization: checkpoint.field }) };
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
  const ownQuantization = checkpoint?.sharedPlain === true ? ("none" as const) : checkpoint?.shared;
  const inside =
    published !== undefined && ownQuantization !== undefined && quantization === undefined
      ? { ...published, quantization: ownQuantization }
      : published;
  const loading = quantization === undefined && checkpoint?.note ? [checkpoint.note] : [];
  const remarks = [...notes, ...loading];
  const base =
    sharedExperts === "outside" || inside === undefined
      ? routed
      : { ...routed, sharedExperts: inside };
  const merged: LayerSpec = {
    weights: (replaced.activation ?? layer.activation) === "relu2" ? "up" : "fused",
    ...base,
    ...(quantization === "none" || checkpoint === undefined
      ? {}
      : { quantization: checkpoint.quantization }),
    ...Object.fromEntries(given),
  };
  return brandLayer(merged, {
    ...defined({ architecture: classOf(model, known?.name), layers: sparse?.length, sparse }),
    ...(quantization === undefined && quantConfig === undefined ? { askBeside: true } : {}),
    ...(remarks.length === 0 ? {} : { notes: remarks }),
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

/** What a server loads: of several classes the known one, whatever a language model inside is. */
function classOf({ names, whole }: LanguageModel, known: string | undefined): string | undefined {
  return known !== undefined && whole.includes(known) ? known : names[0];
}

/** What a layer cannot be without: overrides of all of them say it whatever the config is of. */
const NEEDED = ["experts", "topK", "hidden", "intermediate", "activation", "routing"] as const;

/** A layer of no known family: as its overrides say, or as guessed; undefined: neither is asked for. */
function unknownFamily(
  reader: ConfigReader,
  guess: true | undefined,
  replaced: LayerOverrides,
): ReadLayer | undefined {
  if (guess === true) return guessLayer(reader);
  if (NEEDED.some((field) => replaced[field] === undefined)) return undefined;
  const given = Object.fromEntries(NEEDED.map((field) => [field, replaced[field]]));
  const layer = { dtype: reader.dtype(), ...given } as ReadLayer["layer"];
  return { layer, fields: {} };
}

function notKnown(name: string | undefined): LayerProblem {
  return {
    code: "MOE301",
    configField: "architectures",
    message:
      name === undefined ? "the config names no architecture" : `architecture ${name} is not known`,
    nearest: [...nearestArchitectures(name ?? ""), "moe.fromHuggingFace(config, { guess: true })"],
  };
}
