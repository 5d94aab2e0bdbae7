/** Experts whose columns are cut over devices: `mesh.tp`. */
import { divisors } from "../../plan/divisors.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { deviceLayer, scaleBlock, wordsAlong } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { Finding } from "../diagnostic.ts";
import { nearestOf } from "../numbers.ts";
import { MOST_DEVICES } from "./mesh.ts";
import { error, type Rule } from "./rule.ts";

/** MOE180: the schedule has experts of which a device has some columns. */
export const scheduleCutsExperts: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("mesh", "tp") || schedule.cutsExperts === true) return [];
  const { tp } = spec.mesh;
  if (tp === undefined) return [];
  return [
    error({
      code: "MOE180",
      path: ["mesh", "tp"],
      message: `tp = ${tp} with the schedule ${schedule.kind}: its devices have experts whole`,
      nearest: [1],
    }),
  ];
};

/** What keeps an expert's columns from lying on so many devices; undefined: nothing. */
function inTheWay(
  layer: LayerSpec,
  tp: number,
  schedule: Schedule,
): { readonly text: string; readonly detail?: string } | undefined {
  const { intermediate, quantization, weights } = layer;
  const columns = intermediate / tp;
  if (intermediate % tp !== 0) {
    return {
      text: `does not divide intermediate = ${intermediate}`,
      detail: `${intermediate} % ${tp} = ${intermediate % tp}`,
    };
  }
  // A device would have columns of gate alone, another of up.
  if (weights === "side_by_side") return { text: 'with weights = "side_by_side"' };
  const own = deviceLayer(layer, { tp });
  const [problem] = schedule.layerProblems(own).filter(({ field }) => field === "intermediate");
  const cut = `cuts intermediate = ${intermediate} into ${columns} columns`;
  if (problem !== undefined) return { text: `${cut}: ${problem.message}` };
  const block = quantization === undefined ? undefined : scaleBlock(quantization);
  if (block !== undefined && columns % block !== 0) {
    return {
      text: `${cut}, no whole blocks of ${block}`,
      detail: `${columns} % ${block} = ${columns % block}`,
    };
  }
  // Words of exponents have those of columns 128 apart, which other devices have.
  if (wordsAlong(own) === "columns") return { text: `${cut}, which have no words of exponents` };
  return undefined;
}

/** MOE181: each device has whole tiles of an expert's columns, and whole blocks of their scales. */
export const columnsDivide: Rule = ({ spec, sound, schedule }) => {
  if (!sound("layer") || !sound("mesh", "tp") || schedule?.cutsExperts !== true) return [];
  const { tp } = spec.mesh;
  if (tp === undefined || schedule.layerProblems(spec.layer).length > 0) return [];
  const found = inTheWay(spec.layer, tp, schedule);
  if (found === undefined) return [];
  const legal = divisors(spec.layer.intermediate).filter(
    (size) => size <= MOST_DEVICES && inTheWay(spec.layer, size, schedule) === undefined,
  );
  const { text, ...detail } = found;
  return [
    error({
      code: "MOE181",
      path: ["mesh", "tp"],
      message: `tp = ${tp} ${text}`,
      ...detail,
      nearest: legal.length === 0 ? [1] : nearestOf(legal, tp),
    }),
  ];
};

/** MOE122: all of them are devices of one slice. */
export const devicesInSlice: Rule = ({ spec, sound }) => {
  if (!sound("mesh", "ep") || !sound("mesh", "tp")) return [];
  const { ep, tp = 1 } = spec.mesh;
  if (tp === 1 || ep > MOST_DEVICES || ep * tp <= MOST_DEVICES) return [];
  return [
    error({
      code: "MOE122",
      path: ["mesh", "tp"],
      message: `ep = ${ep} times tp = ${tp} exceeds ${MOST_DEVICES} devices`,
      nearest: [Math.floor(MOST_DEVICES / ep)],
    }),
  ];
};

/** MOE182: the axes that columns are cut over are for columns that are cut. */
export const columnAxes: Rule = ({ spec, sound }): readonly Finding[] => {
  if (!sound("mesh", "tp") || !sound("mesh", "tpAxes")) return [];
  const { tp, tpAxes } = spec.mesh;
  if (tpAxes === undefined || (tp !== undefined && tpAxes.length > 0)) return [];
  const message = tp === undefined ? "tpAxes without tp" : "tpAxes is empty";
  const nearest = tp === undefined ? [] : ['["tensor"]'];
  return [error({ code: "MOE182", path: ["mesh", "tpAxes"], message, nearest })];
};
