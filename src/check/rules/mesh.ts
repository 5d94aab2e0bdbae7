/** How the layer lies over the mesh. */

import { divisors } from "../../plan/divisors.ts";
import { localExperts } from "../../spec/formats.ts";
import { axesOf } from "../../spec/mesh.ts";
import { show } from "../../spec/show.ts";
import type { Finding } from "../diagnostic.ts";
import { nearestOf } from "../numbers.ts";
import { isIdentifier, toIdentifier } from "./identity.ts";
import { error, type Rule, warning } from "./rule.ts";

/** Devices of the largest slice that kernels are compiled for, tpu7x:4x4x4. */
export const MOST_DEVICES = 128;

/** MOE106, MOE122, MOE146: `ep` divides the experts, or they are filled up, and is at most the largest slice. */
export const expertsDivide: Rule = ({ spec, sound }) => {
  if (!sound("layer", "experts") || !sound("layer", "heldExperts") || !sound("mesh", "ep"))
    return [];
  const { experts } = spec.layer;
  const { ep } = spec.mesh;
  const legal = divisors(experts).filter((size) => size <= MOST_DEVICES);
  if (ep > MOST_DEVICES) {
    const message = `ep = ${ep} exceeds ${MOST_DEVICES} devices`;
    return [error({ code: "MOE122", path: ["mesh", "ep"], message, nearest: legal.slice(-1) })];
  }
  const { heldExperts: named } = spec.layer;
  const filled = Math.ceil(experts / ep) * ep;
  // As `moe` fills it in; a spec that goes on from another one has the other's.
  if (named !== undefined)
    return named === filled && named > experts ? [] : [notFilled(named, filled)];
  if (experts === filled) return [];
  return [
    error({
      code: "MOE106",
      path: ["mesh", "ep"],
      message: `ep = ${ep} does not divide experts = ${experts}`,
      detail: `${experts} % ${ep} = ${experts % ep}`,
      nearest: nearestOf(legal, ep),
      note: "or mesh.padExperts: true: experts of zero weights, which no token goes to, fill up the last devices",
    }),
  ];
};

/** MOE146: nobody but `mesh.padExperts` says how many experts weights lie for. */
function notFilled(named: number, filled: number): Finding {
  return error({
    code: "MOE146",
    path: ["layer", "heldExperts"],
    message: `heldExperts = ${named}, where padExperts fills up to ${filled}`,
    note: "leave heldExperts out: mesh.padExperts: true fills it in",
  });
}

/** MOE146: what experts that no token goes to do not serve. */
export const expertsFilledUp: Rule = ({ spec, sound, schedule }) => {
  if (!sound("layer") || !sound("mesh", "ep") || spec.layer.heldExperts === undefined) return [];
  const { routing } = spec.layer;
  const served = schedule?.fillsUp === true;
  const missing = [
    ...(routing.where === "given" ? ["experts that are given"] : []),
    ...(served ? [] : [`the schedule ${spec.schedule.kind}`]),
  ][0];
  if (missing === undefined) return [];
  const message = `padExperts with ${missing}`;
  return [error({ code: "MOE146", path: ["mesh", "padExperts"], message })];
};

/** MOE147: filling up changes nothing, or leaves devices without an expert. */
export const fillingUpHelps: Rule = ({ spec, sound }) => {
  if (!sound("layer", "experts") || !sound("mesh")) return [];
  const { experts } = spec.layer;
  const { ep, padExperts } = spec.mesh;
  const path = ["mesh", "padExperts"];
  if (padExperts === true) {
    const message = `padExperts changes nothing: ep = ${ep} divides experts = ${experts}`;
    return experts % ep === 0 ? [warning({ code: "MOE147", path, message })] : [];
  }
  if (spec.layer.heldExperts === undefined) return [];
  const local = localExperts(spec.layer, ep);
  const filled = devicesWithExperts(experts, ep);
  if (filled === ep) return [];
  const message = `${ep - filled} of ${ep} devices have no expert: ${experts} experts fill ${filled} with ${local} each`;
  const nearest = Array.from({ length: ep - 1 }, (_, index) => ep - 1 - index)
    .filter((size) => devicesWithExperts(experts, size) === size)
    .slice(0, 1);
  return [warning({ code: "MOE147", path: ["mesh", "ep"], message, nearest })];
};

/** Devices that have one where each has as many as the fullest. */
const devicesWithExperts = (experts: number, ep: number): number =>
  Math.ceil(experts / Math.ceil(experts / ep));

/** MOE107: some axis, each an identifier, none twice. */
export const meshAxes: Rule = ({ spec, sound }) => {
  if (!sound("mesh", "axes")) return [];
  const { axes } = spec.mesh;
  const tpAxes: readonly string[] = spec.mesh.tpAxes ?? [];
  if (axes.length === 0) {
    return [
      error({
        code: "MOE107",
        path: ["mesh", "axes"],
        message: "axes is empty",
        nearest: ['["data", "tensor"]'],
      }),
    ];
  }
  const both = sound("mesh", "tpAxes") && spec.mesh.tp !== undefined;
  const all = both ? [...axes, ...tpAxes] : axes;
  return all.flatMap((axis, index): readonly Finding[] => {
    const inside = index - axes.length;
    const path = inside < 0 ? ["mesh", "axes", index] : ["mesh", "tpAxes", inside];
    if (!isIdentifier(axis)) {
      const message = `mesh axis ${show(axis)} is not an identifier`;
      const better = toIdentifier(axis);
      const nearest = better === undefined ? [] : [better];
      return [error({ code: "MOE107", path, message, nearest })];
    }
    if (all.indexOf(axis) === index) return [];
    const inBoth = inside >= 0 && axes.includes(axis);
    const message = `mesh axis ${show(axis)} is repeated${inBoth ? ": in axes and in tpAxes" : ""}`;
    const free = ["tensor", "columns"].find((name) => inBoth && !all.includes(name));
    return [error({ code: "MOE107", path, message, nearest: free === undefined ? [] : [free] })];
  });
};

/** MOE121: the axes that tokens are sharded over are among all, once each, in their order. */
export const tokenAxesKnown: Rule = ({ spec, sound }) => {
  const { tokenAxes } = spec.mesh ?? {};
  if (!sound("mesh", "tokenAxes") || !sound("mesh", "axes") || tokenAxes === undefined) return [];
  const axes: readonly string[] = sound("mesh", "tpAxes") ? axesOf(spec.mesh) : spec.mesh.axes;
  return tokenAxes.flatMap((axis, index): readonly Finding[] => {
    const path = ["mesh", "tokenAxes", index];
    const wrong = (message: string, nearest: readonly string[] = []): readonly Finding[] => [
      error({ code: "MOE121", path, message, nearest }),
    ];
    if (!axes.includes(axis)) {
      const before = axes.indexOf(tokenAxes[index - 1] ?? "");
      const free = axes.filter((name, at) => at > before && !tokenAxes.includes(name));
      return wrong(`token axis ${show(axis)} is not one of axes`, free);
    }
    if (tokenAxes.indexOf(axis) !== index) return wrong(`token axis ${show(axis)} is repeated`);
    const before = tokenAxes[index - 1];
    if (before === undefined || axes.indexOf(before) < axes.indexOf(axis)) return [];
    const ordered = axes.filter((name) => tokenAxes.includes(name));
    return wrong(`token axis ${show(axis)} comes before ${show(before)} in axes`, [
      JSON.stringify(ordered),
    ]);
  });
};
