/** The files of a starter: an example that ships with moegen, or one written around a config. */
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { quantizationBeside } from "../../check/beside.ts";
import { registries } from "../../check/index.ts";
import { judge } from "../../check/judge.ts";
import { isIdentifier } from "../../check/rules/identity.ts";
import { layerOrigin } from "../../dsl/brand.ts";
import { type LayerOverrides, moe } from "../../index.ts";
import { languageModel } from "../../model/nested.ts";
import { identify, nearestArchitectures } from "../../model/registry.ts";
import { usualSchedule } from "../../schedule/registry.ts";
import { defined } from "../../spec/defined.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { DeviceName } from "../../target/device/registry.ts";
import { UsageError } from "../failure.ts";
import { readIfThere } from "../files.ts";
import { confirmed } from "./checkpoint.ts";
import { type JsonFile, readJsonObject } from "./json-file.ts";
import { kindsIn, kindsText, type ReadKind } from "./kinds.ts";
import { EXAMPLES, publishedModels, SUFFIX } from "./models.ts";
import { type Placement, placementOf } from "./placement.ts";

export interface Starter {
  readonly spec: string;
  /** Name below the user's folder, and text. */
  readonly files: ReadonlyMap<string, string>;
  /** What was chosen otherwise than usual, and why; what the model needs around the layer. */
  readonly remarks: readonly string[];
}

/** The example and the config it imports. Throws UsageError for a model that has no example. */
export function starterFromModel(model: string): Starter {
  const spec = `${model}${SUFFIX}`;
  const text = publishedModels().includes(model) ? readIfThere(join(EXAMPLES, spec)) : undefined;
  if (text === undefined) {
    throw new UsageError(`no published model ${model}; known: ${publishedModels().join(", ")}`);
  }
  const files = new Map([[spec, text]]);
  for (const [, name = ""] of text.matchAll(/from "\.\/([^"]+\.json)"/g)) {
    const config = readIfThere(join(EXAMPLES, name));
    if (config !== undefined) files.set(name, config);
  }
  return { spec, files, remarks: [] };
}

export interface ConfigStarterOptions {
  readonly config: string;
  readonly name?: string;
  /** Absent: as usual, or what the layer takes. */
  readonly ep?: number;
  readonly device?: readonly DeviceName[];
  /** Weights are of the config's dtype, whatever the checkpoint has. */
  readonly quantization?: "none";
  /** Read a config of an unknown architecture by the usual names of its fields. */
  readonly guess?: true;
  /** The folder of weights that must be what the config says. */
  readonly checkpoint?: string;
}

/**
 * A spec around the user's own config.json; every tile is `auto`, so that it is legal anywhere. Throws
 * UsageError for what is no config of a known architecture, and for a checkpoint whose format is not read.
 */
export function starterFromConfig(options: ConfigStarterOptions): Starter {
  const config = readJsonObject(options.config);
  const guess = guessed(config, options);
  const beside = besideOf(options);
  const overrides = overridesOf(beside, { ...options, ...guess });
  const found = kindsIn(config.value, overrides);
  const kinds = areTold(found, moe.fromHuggingFace(config.value, overrides)) ? found : [];
  const most = kinds.toSorted((a, b) => b.at.length - a.at.length)[0]?.layer;
  const layer = most ?? layerOf(config, beside, overrides, options);
  const read = kinds.length === 0 ? [layer] : kinds.map((one) => one.layer);
  const notes = [...new Set(read.flatMap((one) => layerOrigin(one)?.notes ?? []))];
  const seen = options.checkpoint === undefined ? [] : confirmed(options.checkpoint, layer);
  const guesses = guess === undefined ? undefined : notes;
  const name = nameOf(options, config, layer);
  const place = placementOf(name, layer, options);
  const stem = name.replaceAll("_", "-");
  const spec = `${stem}${SUFFIX}`;
  const copy = `configs/${stem}.json`;
  const quantCopy = beside && `configs/${stem}-${basename(beside.path)}`;
  const files = new Map([
    [
      spec,
      starterText({ name, config: copy, quantConfig: quantCopy, place, options, guesses, kinds }),
    ],
    [copy, config.text],
  ]);
  if (beside !== undefined && quantCopy !== undefined) files.set(quantCopy, beside.file.text);
  const where = `${place.device.join(", ")}, ep ${place.ep}`;
  const remarks = [
    ...(place.why === undefined ? [] : [`${where}: elsewhere ${place.why}`]),
    ...seen,
    ...notes,
  ];
  return { spec, files, remarks };
}

/** Whether a spec has to name the kinds: there are several, or the one is not what is read for no index. */
function areTold([first, ...others]: readonly ReadKind[], unnamed: LayerSpec): boolean {
  if (first === undefined) return false;
  return others.length > 0 || !isDeepStrictEqual(first.layer, unnamed);
}

/** `guess` where it is needed and asked for; a known architecture is read as it is. */
function guessed(
  { value }: JsonFile,
  { config, guess }: ConfigStarterOptions,
): { readonly guess: true } | undefined {
  const { names, types } = languageModel(value);
  if (identify(names, types) !== undefined) return undefined;
  if (guess === true) return { guess };
  const [architecture = "(none)"] = names;
  const nearest = nearestArchitectures(architecture).join(", ");
  throw new UsageError(
    `${config}: architecture ${architecture} is not known; nearest: ${nearest}; --guess reads it by the usual names of its fields`,
  );
}

interface Beside {
  readonly path: string;
  readonly file: JsonFile;
}

/** The file that says how the checkpoint is quantised; not asked where the user says it. */
function besideOf({ config, quantization }: ConfigStarterOptions): Beside | undefined {
  const [path] = quantization === undefined ? quantizationBeside(config) : [];
  return path === undefined ? undefined : { path, file: readJsonObject(path) };
}

function overridesOf(
  beside: Beside | undefined,
  { quantization, guess }: ConfigStarterOptions,
): LayerOverrides {
  return {
    ...defined({ guess }),
    ...(beside === undefined ? {} : { quantConfig: beside.file.value }),
    ...defined({ quantization }),
  };
}

/** @throws UsageError: the checkpoint's format is not read. */
function layerOf(
  { value }: JsonFile,
  beside: Beside | undefined,
  overrides: LayerOverrides,
  { config }: ConfigStarterOptions,
): LayerSpec {
  const layer = moe.fromHuggingFace(value, overrides);
  const refused = layerOrigin(layer)?.problems.find(({ code }) => code === "MOE306");
  if (refused !== undefined) {
    throw new UsageError(
      `${beside?.path ?? config}: ${refused.message}; --quantization none is for weights of ${layer.dtype}`,
    );
  }
  return layer;
}

/** As asked; else what the config calls the model, with more to it where that is taken. */
function nameOf({ name }: ConfigStarterOptions, config: JsonFile, layer: LayerSpec): string {
  if (name !== undefined) {
    if (isIdentifier(name)) return name;
    throw new UsageError(`--name ${name} is not a Python identifier`);
  }
  const made = identifier(firstText([config.value.model_type]) ?? "moe");
  const spec = moe({
    name: made,
    layer,
    mesh: { ep: 1 },
    devices: ["v6e"],
    schedule: { kind: usualSchedule.kind, tiles: {} },
  });
  const taken = judge(spec, registries).findings.some(({ path }) => path[0] === "name");
  return taken ? `${made.slice(0, 60)}_moe` : made;
}

interface StarterParts {
  readonly name: string;
  readonly config: string;
  readonly quantConfig: string | undefined;
  readonly place: Placement;
  readonly options: ConfigStarterOptions;
  /** Absent: the architecture is known. */
  readonly guesses: readonly string[] | undefined;
  /** Where the layers are not all alike; else none. */
  readonly kinds: readonly ReadKind[];
}

function starterText(parts: StarterParts): string {
  const { name, config, quantConfig, place, options, guesses, kinds } = parts;
  const { ep, device } = place;
  const overrides = [
    ...(guesses === undefined ? [] : ["guess: true"]),
    ...(quantConfig === undefined ? [] : ["quantConfig"]),
    ...(options.quantization === undefined ? [] : [`quantization: "${options.quantization}"`]),
  ];
  const more = overrides.length === 0 ? "" : `, { ${overrides.join(", ")} }`;
  const layer =
    kinds.length === 0
      ? `  layer: moe.fromHuggingFace(config${more}),\n`
      : kindsText(kinds, overrides);
  const second =
    quantConfig === undefined
      ? ""
      : `import quantConfig from "./${quantConfig}" with { type: "json" };\n`;
  // A file may have any name; a comment ends with its line.
  const from = basename(options.config).replace(/\s+/g, " ");
  return `import { auto, moe } from "moegen";
import config from "./${config}" with { type: "json" };
${second}
export default moe({
  name: "${name}",
  // From ${from}. Where the figures come from, e.g. the model card:
  // source: "https://...",
${(guesses ?? []).map((guess) => `  // ${guess}\n`).join("")}${layer}  mesh: { ep: ${ep}, axes: ["data", "tensor"] },
  devices: [${device.map((one) => `"${one}"`).join(", ")}],
  schedule: {
    kind: "${usualSchedule.kind}", // ${usualSchedule.summary}
    tiles: {
      // auto: the largest legal tile that fits VMEM on each device
      decode: { upTo: 256, bt: auto, bf: auto, bd: auto },
      prefill: { upTo: 2048, bt: auto, bf: auto, bd: auto },
    },
  },
});
`;
}

function firstText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === "string" ? first : undefined;
}

/** A Python identifier from whatever the config calls the model. */
function identifier(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return /^[a-z]/.test(plain) ? plain : `moe_${plain}`;
}
