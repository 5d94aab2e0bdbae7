/** The layer against itself, the mesh, the schedule and the devices' HBM. */

import { layerOrigin } from "../../dsl/brand.ts";
import { deviceWeights } from "../../lower/hbm.ts";
import { divisors, LARGEST_SIZE } from "../../plan/divisors.ts";
import { formatBytes } from "../numbers.ts";
import { MOST_DEVICES } from "./mesh.ts";
import { error, type Rule, warning } from "./rule.ts";

/** Columns of a TPU tile. */
const LANES = 128;

/** What `fromHuggingFace` found wrong with the config; it never throws, so it is said here. */
export const configProblems: Rule = ({ spec }) =>
  (layerOrigin(spec.layer)?.problems ?? []).map((problem) =>
    error({
      code: problem.code,
      path: ["layer"],
      message: problem.message,
      detail: problem.configField,
      nearest: problem.nearest,
    }),
  );

/** All of them together are one feed-forward: its intermediate axis fills whole lanes. */
export const sharedFillLanes: Rule = ({ spec, sound }) => {
  const shared = spec.layer?.sharedExperts;
  if (!sound("layer", "sharedExperts") || shared === undefined) return [];
  const { count, intermediate } = shared;
  const size = count * intermediate;
  if (size > LARGEST_SIZE) {
    const path = ["layer", "sharedExperts", "intermediate"];
    const message = `${count} × ${intermediate} shared columns exceed ${LARGEST_SIZE}, the largest size`;
    return [error({ code: "MOE103", path, message })];
  }
  if (size % LANES === 0) return [];
  const step = smallestFilling(count);
  const below = Math.floor(intermediate / step) * step;
  return [
    error({
      code: "MOE119",
      path: ["layer", "sharedExperts", "intermediate"],
      message: `${count} × ${intermediate} = ${size} shared columns are not a multiple of ${LANES}`,
      detail: `${size} % ${LANES} = ${size % LANES}`,
      nearest: [below, below + step].filter((value) => value > 0),
    }),
  ];
};

/** The least intermediate size of `count` shared experts that fills whole lanes. */
function smallestFilling(count: number): number {
  let step = 1;
  while ((count * step) % LANES !== 0) step *= 2;
  return step;
}

/** MOE112: what the schedule itself says against the layer's sizes. */
export const scheduleRunsLayer: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer")) return [];
  return schedule.layerProblems(spec.layer).map((problem) =>
    error({
      code: "MOE112",
      path: ["layer", problem.field],
      message: problem.message,
      nearest: problem.nearest,
    }),
  );
};

/** A warning: other layers share HBM, so that one layer fits says little, that it does not, much. */
export const weightsFitHbm: Rule = ({ spec, sound, devices, schedule }) => {
  if (!sound("layer") || !sound("mesh", "ep") || !sound("devices")) return [];
  const { experts } = spec.layer;
  const { ep } = spec.mesh;
  const mesh = sound("mesh", "tp") ? spec.mesh : { ep };
  const local = deviceWeights(spec.layer, mesh, schedule).total;
  return spec.devices.flatMap((name) => {
    const available = devices[name]?.hbmBytes ?? Infinity;
    if (local <= available) return [];
    const enough = divisors(experts).find(
      (size) =>
        size <= MOST_DEVICES &&
        deviceWeights(spec.layer, { ...mesh, ep: size }, schedule).total <= available,
    );
    return [
      warning({
        code: "MOE204",
        path: ["mesh", "ep"],
        message: `the weights of ${Math.ceil(experts / ep)} experts need ${formatBytes(local)}, ${name} has ${formatBytes(available)} of HBM`,
        detail: name,
        nearest: enough === undefined ? [] : [enough],
        ...(enough === undefined ? { note: "not even one expert fits: split experts first" } : {}),
      }),
    ];
  });
};
