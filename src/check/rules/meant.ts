/** A name that nobody knows: the one that was meant, in the same object or in another one. */
import { TILE_AXES } from "../../lower/tiles.ts";
import { bucketOptions } from "../../spec/schedule.ts";
import { BUCKET_FIELDS } from "../../spec/several.ts";
import type { SpecPath } from "../diagnostic.ts";

/** Fields by the object that has them; the path of a bucket stands for that of each. */
const PLACES: readonly (readonly [path: readonly string[], fields: readonly string[]])[] = [
  [["layer"], ["experts", "topK", "hidden", "intermediate", "activation", "dtype", "routing"]],
  [
    ["layer"],
    [
      "quantization",
      "wire",
      "biases",
      "sharedExperts",
      "redundantExperts",
      "identityExperts",
      "deterministic",
      "scoreOn",
    ],
  ],
  [
    ["layer", "routing"],
    ["where", "scoring", "renormalize", "scalingFactor", "logitSoftCap", "scoreChosen", "groups"],
  ],
  [
    ["layer", "routing"],
    ["correctionBias", "renormEpsilon", "scoreNear"],
  ],
  [["layer", "routing", "renormEpsilon"], ["atLeast"]],
  [
    ["layer", "quantization"],
    ["granularity", "scales", "activations"],
  ],
  [
    ["layer", "wire"],
    ["dispatch", "combine"],
  ],
  [["layer", "sharedExperts"], ["gate"]],
  [
    ["layer", "activation"],
    ["alpha", "limit", "beta", "linearBeta"],
  ],
  [["layer", "routing", "groups"], ["kept"]],
  [["mesh"], ["ep", "axes", "tp", "tpAxes", "tokenAxes", "padExperts"]],
  [["schedule"], ["tiles"]],
  [
    ["schedule", "tiles", "a bucket"],
    ["upTo", ...TILE_AXES, ...bucketOptions, "compilerOptions", "predicted"],
  ],
  [["emit"], ["reference"]],
  [[], ["name", "source", "architecture", "layer", "mesh", "devices", "schedule", "emit"]],
];

/** Names that config.json has for a field. */
const PUBLISHED: Readonly<Record<string, string>> = {
  num_experts: "experts",
  n_routed_experts: "experts",
  num_local_experts: "experts",
  num_experts_per_tok: "topK",
  hidden_size: "hidden",
  intermediate_size: "intermediate",
  moe_intermediate_size: "intermediate",
  hidden_act: "activation",
  torch_dtype: "dtype",
  norm_topk_prob: "renormalize",
  scoring_func: "scoring",
  routed_scaling_factor: "scalingFactor",
  quantization_config: "quantization",
};

export interface Meant {
  readonly path: SpecPath;
  /** What to say of it, after the name that is not known. */
  readonly hint: string;
  /** In its place: the name alone, where it stays in the same object. */
  readonly name?: string;
}

/** Of `key` in the object at `path`, whose fields are `known`. */
export function meantBy(key: string, path: SpecPath, known: readonly string[]): Meant | undefined {
  if (key === "rows" && isOfMembers(path, known)) {
    const hint = "a member's name says where its rows lie, as gather_hbm_sums does";
    return { path: [...path, key], hint };
  }
  const here = closest(key, known);
  const others = placesFor(path, known).filter(([place]) => !isHere(place, path));
  const exact = others.find(([, fields]) => fields.includes(key))?.[0];
  if (exact !== undefined) return elsewhere(exact, key, path);
  if (here !== undefined) {
    return { path: [...path, here], hint: `did you mean ${here}?`, name: here };
  }
  for (const [place, fields] of others) {
    const found = closest(key, fields);
    if (found !== undefined) return elsewhere(place, found, path);
  }
  return undefined;
}

/** Of a member's tiles: its bucket has none of those that another schedule alone takes. */
function placesFor(path: SpecPath, known: readonly string[]): typeof PLACES {
  const member = path.length === 4 && TILE_AXES.some((axis) => known.includes(axis));
  if (!member) return PLACES;
  return PLACES.map(([place, fields]) => [place, place[1] === "tiles" ? BUCKET_FIELDS : fields]);
}

/** Whether it is a bucket of several schedules, or the tiles of one of them in it. */
function isOfMembers([first, second, , member]: SpecPath, known: readonly string[]): boolean {
  return (
    first === "schedule" && second === "tiles" && (member !== undefined || known.includes("use"))
  );
}

function isHere(place: readonly string[], path: SpecPath): boolean {
  return (
    place.length === path.length &&
    place.every((step, i) => step === "a bucket" || step === path[i])
  );
}

function elsewhere(place: readonly string[], name: string, from: SpecPath): Meant {
  const bucket = place[1] === "tiles" && from[1] === "tiles" && from[2] !== undefined;
  const path = bucket ? ["schedule", "tiles", from[2] ?? "", name] : [...place, name];
  const under = place.at(-1);
  const hint =
    under === undefined
      ? `${name} belongs beside layer, in the spec itself`
      : `${name} belongs under ${under}`;
  return { path, hint };
}

/** The one of `known` that differs by a slip of the hand, or by how words are joined. */
export function closest(key: string, known: readonly string[]): string | undefined {
  const published = Object.hasOwn(PUBLISHED, key) ? PUBLISHED[key] : undefined;
  if (published !== undefined && known.includes(published)) return published;
  const plain = joined(key);
  const ranked = known
    .map((name) => ({ name, distance: distance(plain, joined(name)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const most = Math.min(2, Math.floor(plain.length / 3));
  return best !== undefined && best.distance <= most ? best.name : undefined;
}

/** British spelling and joints of words make no other name. */
function joined(name: string): string {
  return name
    .slice(0, 40)
    .toLowerCase()
    .replace(/[_\s-]/g, "")
    .replace(/isation/g, "ization")
    .replace(/ise/g, "ize");
}

/** Letters to put in, take out, change or swap with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (same ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}
