/** The files of a starter: an example that ships with moegen, or one written around a config. */
import { basename, join } from "node:path";
import { findArchitecture, knownArchitectures } from "../../model/registry.ts";
import { UsageError } from "../failure.ts";
import { readIfThere } from "../files.ts";
import { EXAMPLES, publishedModels, SUFFIX } from "./models.ts";

export interface Starter {
  readonly spec: string;
  /** Name below the user's folder, and text. */
  readonly files: ReadonlyMap<string, string>;
}

/** The example and the config it imports. */
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
  return { spec, files };
}

export interface ConfigStarterOptions {
  readonly config: string;
  readonly name?: string;
  readonly ep: number;
  readonly device: readonly string[];
}

/** A spec around the user's own config.json; every tile is `auto`, so that it is legal anywhere. */
export function starterFromConfig(options: ConfigStarterOptions): Starter {
  const text = readIfThere(options.config);
  if (text === undefined) throw new UsageError(`there is no file ${options.config}`);
  const config = parse(text, options.config);
  const architecture = firstText(config.architectures);
  if (findArchitecture(architecture) === undefined) {
    const known = knownArchitectures().join(", ");
    throw new UsageError(
      `${options.config}: architecture ${architecture ?? "(none)"} is not known; known: ${known}`,
    );
  }
  const name = options.name ?? identifier(firstText([config.model_type]) ?? "moe");
  const spec = `${name.replaceAll("_", "-")}${SUFFIX}`;
  const copy = `configs/${name.replaceAll("_", "-")}.json`;
  return {
    spec,
    files: new Map([
      [spec, starterText(name, copy, options)],
      [copy, text],
    ]),
  };
}

function starterText(name: string, config: string, { ep, device, ...from }: ConfigStarterOptions) {
  return `import { auto, moe } from "moegen";
import config from "./${config}" with { type: "json" };

export default moe({
  name: "${name}",
  // From ${basename(from.config)}. Where the figures come from, e.g. the model card:
  // source: "https://...",
  layer: moe.fromHuggingFace(config),
  mesh: { ep: ${ep}, axes: ["data", "tensor"] },
  devices: [${device.map((one) => `"${one}"`).join(", ")}],
  schedule: {
    kind: "gather", // all-gather rows, reduce-scatter sums
    tiles: {
      // auto: the largest legal tile that fits VMEM on each device
      decode: { upTo: 256, bt: auto, bf: auto, bd: auto },
      prefill: { upTo: 2048, bt: auto, bf: auto, bd: auto },
    },
  },
});
`;
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // Told below, like any other file that is not an object.
  }
  throw new UsageError(`${path} is not a JSON object`);
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
