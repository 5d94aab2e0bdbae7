/** Kinds of layers: their names and their indices. */
import { layerOrigin } from "../../dsl/brand.ts";
import { entryNames } from "../../emit/layer-names.ts";
import { type CountedLayers, modelWeights } from "../../lower/hbm.ts";
import type { Devices } from "../../lower/lower.ts";
import { divisors } from "../../plan/divisors.ts";
import {
  indicesText,
  indicesWritten,
  isIndex,
  type LayerKind,
  type LayersSpec,
  MOST_LAYERS,
} from "../../spec/layers.ts";
import { severalOf } from "../../spec/several.ts";
import { show } from "../../spec/show.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { formatBytes } from "../numbers.ts";
import { isIdentifier, toIdentifier } from "./identity.ts";
import { type Dict, Kinds } from "./kinds.ts";
import { MOST_DEVICES } from "./mesh.ts";
import { error, warning } from "./rule.ts";

/** A name of a folder within the package, which has a longer one. */
const LONGEST_KIND = 40;

const FIELDS = ["name", "source", "architecture", "layers", "mesh", "devices", "schedule", "emit"];

/** Kinds whose values are layers with indices; what is none is reported and left out. */
export function checkKinds(spec: LayersSpec): {
  readonly findings: readonly Finding[];
  readonly kinds: readonly (readonly [name: string, kind: LayerKind])[];
} {
  const values = new Kinds();
  values.keys([], spec as unknown as Dict, [...FIELDS, "layer"]);
  const layers = values.object(["layers"], spec.layers);
  const sound = Object.entries(layers ?? {}).filter(([name, value]) => {
    const path = ["layers", name];
    const kind = values.object(path, value);
    if (kind === undefined) return false;
    values.keys(path, kind, ["at", "layer", "schedule"]);
    return areIndices(values, [...path, "at"], kind.at);
  }) as [string, LayerKind][];
  const findings = [
    ...values.told(),
    ...layerBeside(spec),
    ...(layers !== undefined && Object.keys(layers).length === 0
      ? [error({ code: "MOE172", path: ["layers"], message: "layers has no kind" })]
      : []),
    ...unscheduled(spec, sound),
  ];
  const scheduled = sound.filter(([, { schedule = spec.schedule }]) => schedule !== undefined);
  return { findings, kinds: scheduled };
}

/** A spec has one kind of layers, or several. */
function layerBeside(spec: LayersSpec): readonly Finding[] {
  if (!("layer" in spec) || spec.layer === undefined) return [];
  const message = "layer stands beside layers";
  const rule = "a spec has layer, or the kinds of layers in layers: not both";
  return [error({ code: "MOE102", path: ["layer"], at: "key", message, rule })];
}

/** Kinds that have no schedule of their own where the spec has none for all. */
function unscheduled(spec: LayersSpec, kinds: Named): readonly Finding[] {
  if (spec.schedule !== undefined) return [];
  const names = kinds.filter(([, { schedule }]) => schedule === undefined).map(([name]) => name);
  if (names.length === 0) return [];
  const message = `schedule is missing: ${names.join(", ")} ${names.length === 1 ? "has" : "have"} none of ${names.length === 1 ? "its" : "their"} own`;
  const rule = "the spec has a schedule for all kinds, or each kind has its own";
  return [error({ code: "MOE102", path: ["schedule"], message, rule })];
}

const INDEX = `an index from 0 to ${MOST_LAYERS - 1}`;
const HOW = `a list of indices from 0 to ${MOST_LAYERS - 1}, or { from: 0, to: 6, step: 2 }: from, and each step of 1 or more from there as far as to`;

function areIndices(values: Kinds, path: SpecPath, at: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(at) ? Array.from(at as readonly unknown[]) : [];
  if (!Array.isArray(at)) values.wrong(path, at, HOW);
  for (const [index, one] of list.entries()) {
    if (!isIndex(one)) values.wrong([...path, index], one, INDEX);
  }
  return Array.isArray(at) && list.every(isIndex);
}

/** MOE101, MOE140, MOE141: a kind's name is that of a folder within the package. */
export function kindNames(spec: LayersSpec): readonly Finding[] {
  return Object.keys(spec.layers).flatMap((name): readonly Finding[] => {
    const at = { path: ["layers", name], at: "key" as const };
    const nearest = toIdentifier(name.toLowerCase())?.replace(/^_+/, "").slice(0, LONGEST_KIND);
    const instead = nearest === undefined || nearest === name ? [] : [nearest];
    if (!isIdentifier(name) || !/^[a-z]/.test(name) || name !== name.toLowerCase()) {
      const message = `kind ${show(name)} is not a lower-case Python identifier`;
      return [error({ code: "MOE101", ...at, message, nearest: instead })];
    }
    if (entryNames.includes(name) || name === spec.name) {
      const message = `kind ${show(name)} is a name of the package itself`;
      return [error({ code: "MOE140", ...at, message, nearest: [`${name}_layers`] })];
    }
    if (name.length <= LONGEST_KIND) return [];
    const message = `the kind's name has ${name.length} letters, ${LONGEST_KIND} are the most`;
    return [error({ code: "MOE141", ...at, message, nearest: instead })];
  });
}

type Named = readonly (readonly [name: string, kind: LayerKind])[];

/** MOE170, MOE172: each kind has layers, and each layer one kind. */
export function kindsApart(kinds: Named): readonly Finding[] {
  const owners = new Map<number, string>();
  return kinds.flatMap(([name, { at }]): readonly Finding[] => {
    const path = ["layers", name, "at"];
    if (at.length === 0) {
      return [error({ code: "MOE172", path, message: `${name} has no layer` })];
    }
    const twice = at.filter((index) => owners.has(index) || owners.set(index, name) === undefined);
    const [first] = twice;
    if (first === undefined) return [];
    const owner = owners.get(first) ?? name;
    const message =
      owner === name
        ? `layer ${first} stands twice in ${name}`
        : `${layers(twice)} of ${name} ${isOne(twice) ? "is" : "are"} of ${owner} already`;
    return [error({ code: "MOE170", path, message })];
  });
}

const isOne = (at: readonly number[]): boolean => at.length === 1;
const layers = (at: readonly number[]): string =>
  `${isOne(at) ? "layer" : "layers"} ${indicesText(at)}`;

/** MOE171, MOE173: what the config that a kind was read from says of the model's layers. */
export function kindsAsRead(kinds: Named): readonly Finding[] {
  const free = (index: number, name: string): boolean =>
    !kinds.some(([other, { at }]) => other !== name && at.includes(index));
  const covered = new Set(kinds.flatMap(([, { at }]) => at));
  const told = kinds.flatMap(([name, { at, layer }]): readonly Finding[] => {
    const path = ["layers", name, "at"];
    const origin = layerOrigin(layer);
    if (origin === undefined) return [];
    const { sparse, alike, problems } = origin;
    if (sparse === undefined) {
      // What is wrong with the config says why.
      if (problems.length > 0) return [];
      const message = `how many layers the model has is not read from ${name}'s config: which of them are of its kind is not known`;
      return [error({ code: "MOE173", path, message })];
    }
    const without = at.filter((index) => !sparse.includes(index));
    const other = at.filter((index) => sparse.includes(index) && alike?.includes(index) === false);
    const found = [
      ...(without.length === 0
        ? []
        : [`${layers(without)} ${isOne(without) ? "has" : "have"} no experts in the config`]),
      ...(other.length === 0
        ? []
        : [
            `${layers(other)} ${isOne(other) ? "is" : "are"} read otherwise from the config than ${name}`,
          ]),
    ];
    const own = (alike ?? sparse).filter((index) => free(index, name));
    const nearest = own.length === 0 ? [] : [`at: ${indicesWritten(own)}`];
    return found.map((message) => error({ code: "MOE173", path, message, nearest }));
  });
  const all = new Set(kinds.flatMap(([, { layer }]) => layerOrigin(layer)?.sparse ?? []));
  const missing = [...all].filter((index) => !covered.has(index));
  if (missing.length === 0) return told;
  const message = `${layers(missing)} of the config ${isOne(missing) ? "has" : "have"} experts and no kind`;
  return [...told, error({ code: "MOE171", path: ["layers"], message })];
}

/** What all layers of a model have alike: the rows that go from one to the next. */
const STREAM = [
  ["hidden", "D"],
  ["dtype", "the type of rows"],
] as const;

/** MOE175: a model's layers have one residual stream. */
export function kindsInOneStream(kinds: Named): readonly Finding[] {
  const [most] = kinds.toSorted(([, a], [, b]) => b.at.length - a.at.length);
  if (most === undefined) return [];
  const [owner, { layer: usual }] = most;
  return STREAM.flatMap(([field, what]) =>
    kinds.flatMap(([name, { layer }]): readonly Finding[] => {
      const own: unknown = layer?.[field];
      const other: unknown = usual?.[field];
      // Of another kind of value, or none: said by the kind's own rules.
      if (own === other || typeof own !== typeof other) return [];
      const path = ["layers", name, "layer", field];
      const message = `${field} = ${show(own)} in ${name}, ${show(other)} in ${owner}: a model's layers have ${what} alike`;
      const nearest = [typeof other === "number" ? other : String(other)];
      return [error({ code: "MOE175", path, message, nearest })];
    }),
  );
}

/** MOE204, of all layers together: the kinds of one model share a device's HBM. */
export function kindsFitHbm(
  { mesh, devices: named }: Pick<LayersSpec, "mesh" | "devices">,
  kinds: readonly CountedLayers[],
  devices: Devices,
): readonly Finding[] {
  const layers = kinds.reduce((sum, { count }) => sum + count, 0);
  const needs = modelWeights(kinds, mesh);
  const wider = divisors(kinds[0]?.layer.experts ?? 1).filter(
    (ep) =>
      ep > mesh.ep && ep <= MOST_DEVICES && kinds.every(({ layer }) => layer.experts % ep === 0),
  );
  return named.flatMap((name) => {
    const available = devices[name]?.hbmBytes ?? Infinity;
    if (needs <= available) return [];
    const enough = wider.find((ep) => modelWeights(kinds, { ...mesh, ep }) <= available);
    const message = `the weights of ${layers} layers need ${formatBytes(needs)} a device, ${name} has ${formatBytes(available)} of HBM`;
    const nearest = enough === undefined ? [] : [enough];
    return [warning({ code: "MOE204", path: ["mesh", "ep"], message, detail: name, nearest })];
  });
}

/** MOE174: several schedules are not chosen among within a kind. */
export function kindsHaveOneSchedule(spec: LayersSpec, kinds: Named): readonly Finding[] {
  const told = new Set<string>();
  return kinds.flatMap(([name, { schedule = spec.schedule }]) => {
    const path =
      spec.layers[name]?.schedule === undefined
        ? ["schedule", "kind"]
        : ["layers", name, "schedule", "kind"];
    if (severalOf(schedule) === undefined || told.has(path.join())) return [];
    told.add(path.join());
    const message = 'kind = "auto" in a spec with layers';
    return [error({ code: "MOE174", path, message })];
  });
}
