/**
 * The kinds of values: what TypeScript says already, said again for a spec that got round it
 * (a cast, plain JavaScript, a JSON file). A section that fails here is not judged further.
 */
import { isAuto, isChoices } from "../../dsl/choice.ts";
import { layerIncomplete } from "../../dsl/brand.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { isPositiveInteger, show } from "../numbers.ts";

type Dict = Readonly<Record<string, unknown>>;

/** Names that the spec may use, from the registries. */
export interface Vocabulary {
  readonly devices: readonly string[];
  readonly schedules: readonly string[];
}

export class ShapeCheck {
  readonly findings: Finding[] = [];
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  spec(spec: Dict): void {
    const keys = ["name", "source", "layer", "mesh", "devices", "schedule", "emit"];
    this.#keys([], spec, keys, []);
    this.#string(["name"], spec["name"]);
    if (spec["source"] !== undefined) this.#string(["source"], spec["source"]);
    this.#layer(spec["layer"]);
    this.#mesh(spec["mesh"]);
    this.#devices(spec["devices"]);
    this.#schedule(spec["schedule"]);
    this.#emit(spec["emit"]);
  }

  /** Whether no value at, below or around a path was refused (a stray key spoils nothing). */
  sound(...path: SpecPath): boolean {
    return !this.findings.some(
      (finding) =>
        finding.at !== "key" &&
        path.every((step, index) => index >= finding.path.length || finding.path[index] === step),
    );
  }

  #layer(value: unknown): void {
    const path = ["layer"];
    const layer = this.#object(path, value);
    // What an unknown architecture or a bad config left out is reported as such, not again here.
    if (layer === undefined || layerIncomplete(value)) return;
    const sizes = ["experts", "topK", "hidden", "intermediate"];
    this.#keys(path, layer, [...sizes, "activation", "dtype", "routing"], []);
    for (const size of sizes) this.#positive([...path, size], layer[size]);
    this.#oneOf([...path, "activation"], layer["activation"], ["silu", "gelu"]);
    this.#oneOf([...path, "dtype"], layer["dtype"], ["bfloat16", "float32"]);
    this.#routing([...path, "routing"], layer["routing"]);
  }

  #routing(path: SpecPath, value: unknown): void {
    const routing = this.#object(path, value);
    if (routing === undefined) return;
    const where = routing["where"];
    this.#oneOf([...path, "where"], where, ["kernel", "given"]);
    if (where === "given") {
      this.#keys(path, routing, ["where"], []);
    } else if (where === "kernel") {
      const keys = ["where", "scoring", "renormalize", "scalingFactor", "logitSoftCap"];
      this.#keys(path, routing, keys, []);
      this.#oneOf([...path, "scoring"], routing["scoring"], ["softmax", "sigmoid"]);
      this.#boolean([...path, "renormalize"], routing["renormalize"]);
      this.#factor([...path, "scalingFactor"], routing["scalingFactor"]);
      if (routing["logitSoftCap"] !== undefined) {
        this.#factor([...path, "logitSoftCap"], routing["logitSoftCap"]);
      }
    }
  }

  #mesh(value: unknown): void {
    const mesh = this.#object(["mesh"], value);
    if (mesh === undefined) return;
    this.#keys(["mesh"], mesh, ["ep", "axes"], []);
    this.#positive(["mesh", "ep"], mesh["ep"]);
    const axes = this.#list(["mesh", "axes"], mesh["axes"]);
    axes?.forEach((axis, index) => this.#string(["mesh", "axes", index], axis));
  }

  #devices(value: unknown): void {
    const list = this.#list(["devices"], value);
    list?.forEach((device, index) =>
      this.#oneOf(["devices", index], device, this.#vocabulary.devices),
    );
  }

  #schedule(value: unknown): void {
    const path = ["schedule"];
    const schedule = this.#object(path, value);
    if (schedule === undefined) return;
    this.#keys(path, schedule, ["kind", "tiles"], []);
    this.#oneOf([...path, "kind"], schedule["kind"], this.#vocabulary.schedules);
    const tiles = this.#object([...path, "tiles"], schedule["tiles"]);
    for (const [name, bucket] of Object.entries(tiles ?? {})) {
      this.#bucket([...path, "tiles", name], bucket);
    }
  }

  #bucket(path: SpecPath, value: unknown): void {
    const bucket = this.#object(path, value);
    if (bucket === undefined) return;
    this.#keys(path, bucket, ["upTo", "bt", "bf", "bd", "btc", "slots"], []);
    this.#positive([...path, "upTo"], bucket["upTo"]);
    for (const axis of ["bt", "bf", "bd"]) this.#choice([...path, axis], bucket[axis]);
    if (bucket["btc"] !== undefined) {
      const list = this.#list([...path, "btc"], bucket["btc"]);
      list?.forEach((rows, index) => this.#positive([...path, "btc", index], rows));
    }
    const slots = bucket["slots"];
    if (slots !== undefined && slots !== 2 && slots !== 3 && slots !== 4) {
      this.#add("MOE113", [...path, "slots"], `slots = ${show(slots)} is not supported`, {
        rule: "weight tiles are kept in 2, 3 or 4 slots: one in use, the others on their way",
        nearest: [2, 3, 4],
      });
    }
  }

  #choice(path: SpecPath, value: unknown): void {
    if (isAuto(value)) return;
    if (!isChoices(value)) {
      if (typeof value === "number") this.#positive(path, value);
      else this.#kind(path, value, "a number, choices(…) or auto");
      return;
    }
    const values: readonly unknown[] = value.values;
    if (values.length === 0) this.#kind(path, value, "a number, choices(…) or auto");
    values.forEach((member, index) => this.#positive([...path, index], member));
  }

  #emit(value: unknown): void {
    const emit = this.#object(["emit"], value);
    if (emit === undefined) return;
    this.#keys(["emit"], emit, ["reference"], []);
    this.#boolean(["emit", "reference"], emit["reference"]);
  }

  #object(path: SpecPath, value: unknown): Dict | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Dict;
    this.#kind(path, value, "an object");
    return undefined;
  }

  #list(path: SpecPath, value: unknown): readonly unknown[] | undefined {
    if (Array.isArray(value)) return value as readonly unknown[];
    this.#kind(path, value, "a list");
    return undefined;
  }

  #string(path: SpecPath, value: unknown): void {
    if (typeof value !== "string") this.#kind(path, value, "a string");
  }

  #boolean(path: SpecPath, value: unknown): void {
    if (typeof value !== "boolean") this.#kind(path, value, "true or false");
  }

  #oneOf(path: SpecPath, value: unknown, legal: readonly string[]): void {
    if (typeof value === "string" && legal.includes(value)) return;
    this.#kind(path, value, legal.map((name) => JSON.stringify(name)).join(", "), legal);
  }

  #positive(path: SpecPath, value: unknown): void {
    if (isPositiveInteger(value)) return;
    if (typeof value !== "number") return this.#kind(path, value, "a positive integer");
    const nearest = Number.isFinite(value) ? [Math.max(1, Math.round(value))] : [];
    this.#add("MOE103", path, `${label(path)} = ${show(value)} is not a positive integer`, {
      rule: "sizes, tiles and token counts are whole numbers of at least 1",
      nearest,
    });
  }

  #factor(path: SpecPath, value: unknown): void {
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return;
    if (typeof value !== "number") return this.#kind(path, value, "a number");
    this.#add("MOE114", path, `${label(path)} = ${show(value)} is not a positive finite number`, {
      rule: "a factor of the routing weights is finite and greater than 0",
      nearest: [],
    });
  }

  #keys(path: SpecPath, value: Dict, known: readonly string[], nearest: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const where = path.length === 0 ? "a spec" : label(path);
      this.findings.push({
        code: "MOE102",
        severity: "error",
        path: [...path, key],
        at: "key",
        message: `${where} has no ${key}`,
        rule: `${where} has: ${known.join(", ")}`,
        nearest,
      });
    }
  }

  #kind(path: SpecPath, value: unknown, wanted: string, nearest: readonly string[] = []): void {
    const message =
      value === undefined ? `${label(path)} is missing` : `${label(path)} = ${show(value)}`;
    this.#add("MOE102", path, message, { rule: `${label(path)} is ${wanted}`, nearest });
  }

  #add(
    code: Finding["code"],
    path: SpecPath,
    message: string,
    rest: Pick<Finding, "rule" | "nearest">,
  ): void {
    this.findings.push({ code, severity: "error", path, message, ...rest });
  }
}

/** The last name in a path, with the index of a list member. */
export function label(path: SpecPath): string {
  const last = path.at(-1);
  if (last === undefined) return "the spec";
  return typeof last === "number" ? `${label(path.slice(0, -1))}[${last}]` : last;
}
