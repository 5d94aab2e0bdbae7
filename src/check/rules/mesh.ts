/** How the layer lies over the mesh. */

import { divisors } from "../../plan/divisors.ts";
import type { Finding } from "../diagnostic.ts";
import { nearestOf, show } from "../numbers.ts";
import { isIdentifier, toIdentifier } from "./identity.ts";
import { error, type Rule } from "./rule.ts";

/** Devices of the largest slice that kernels are compiled for, tpu7x:4x4x4. */
export const MOST_DEVICES = 128;

/** MOE106, MOE122: `ep` divides the experts and is at most the largest slice. */
export const expertsDivide: Rule = ({ spec, sound }) => {
  if (!sound("layer", "experts") || !sound("mesh", "ep")) return [];
  const { experts } = spec.layer;
  const { ep } = spec.mesh;
  const legal = divisors(experts).filter((size) => size <= MOST_DEVICES);
  if (ep > MOST_DEVICES) {
    const message = `ep = ${ep} exceeds ${MOST_DEVICES} devices`;
    return [error({ code: "MOE122", path: ["mesh", "ep"], message, nearest: legal.slice(-1) })];
  }
  if (experts % ep === 0) return [];
  return [
    error({
      code: "MOE106",
      path: ["mesh", "ep"],
      message: `ep = ${ep} does not divide experts = ${experts}`,
      detail: `${experts} % ${ep} = ${experts % ep}`,
      nearest: nearestOf(legal, ep),
      note: padding(experts, ep),
    }),
  ];
};

/** How experts that do not divide are made to: what a token is never sent to costs HBM alone. */
function padding(experts: number, ep: number): string {
  const padded = Math.ceil(experts / ep) * ep;
  return (
    `or experts: ${padded}, the last ${padded - experts} of zero weights, which a token is never sent to ` +
    "where their router logits (and their correction bias) are -inf"
  );
}

/** MOE107: some axis, each an identifier, none twice. */
export const meshAxes: Rule = ({ spec, sound }) => {
  if (!sound("mesh", "axes")) return [];
  const { axes } = spec.mesh;
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
  return axes.flatMap((axis, index): readonly Finding[] => {
    const path = ["mesh", "axes", index];
    if (!isIdentifier(axis)) {
      const message = `mesh axis ${show(axis)} is not an identifier`;
      const better = toIdentifier(axis);
      const nearest = better === undefined ? [] : [better];
      return [error({ code: "MOE107", path, message, nearest })];
    }
    if (axes.indexOf(axis) === index) return [];
    return [error({ code: "MOE107", path, message: `mesh axis ${show(axis)} is repeated` })];
  });
};

/** MOE121: the axes that tokens are sharded over are among `axes`, once each, in their order. */
export const tokenAxesKnown: Rule = ({ spec, sound }) => {
  const { tokenAxes, axes } = spec.mesh ?? {};
  if (!sound("mesh", "tokenAxes") || !sound("mesh", "axes") || tokenAxes === undefined) return [];
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
