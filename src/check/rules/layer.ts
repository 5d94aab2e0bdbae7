/** The layer against itself, the mesh, the schedule and the devices' HBM. */
import { layerOrigin } from "../../dsl/brand.ts";
import { divisors, formatBytes, nearestOf } from "../numbers.ts";
import { error, type Rule, warning } from "./rule.ts";

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

export const topKWithinExperts: Rule = ({ spec, sound }) => {
  const { topK, experts } = spec.layer ?? {};
  if (!sound("layer", "topK") || !sound("layer", "experts") || topK <= experts) return [];
  return [
    error({
      code: "MOE105",
      path: ["layer", "topK"],
      message: `topK = ${topK} exceeds experts = ${experts}`,
      detail: `${topK} > ${experts}`,
      nearest: [experts],
    }),
  ];
};

export const expertsDivide: Rule = ({ spec, sound }) => {
  if (!sound("layer", "experts") || !sound("mesh", "ep")) return [];
  const { experts } = spec.layer;
  const { ep } = spec.mesh;
  if (experts % ep === 0) return [];
  return [
    error({
      code: "MOE106",
      path: ["mesh", "ep"],
      message: `ep = ${ep} does not divide experts = ${experts}`,
      detail: `${experts} % ${ep} = ${experts % ep}`,
      nearest: nearestOf(divisors(experts), ep),
    }),
  ];
};

export const scheduleRunsLayer: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer")) return [];
  return schedule.layerProblems(spec.layer).map((problem) =>
    error({
      code: "MOE112",
      path: ["layer", problem.field],
      message: problem.message,
      rule: `the ${schedule.kind} schedule runs layers whose sizes fill whole TPU tiles`,
      nearest: problem.nearest,
    }),
  );
};

const ITEM_BYTES = { bfloat16: 2, float32: 4 } as const;

/** A warning: other layers share HBM, so that one layer fits says little, that it does not, much. */
export const weightsFitHbm: Rule = ({ spec, sound, devices }) => {
  if (!sound("layer") || !sound("mesh", "ep") || !sound("devices")) return [];
  const { experts, hidden, intermediate, dtype } = spec.layer;
  const perExpert = 3 * hidden * intermediate * ITEM_BYTES[dtype];
  const { ep } = spec.mesh;
  const local = Math.ceil(experts / ep) * perExpert;
  return spec.devices.flatMap((name) => {
    const available = devices[name]?.hbmBytes ?? Infinity;
    if (local <= available) return [];
    const enough = divisors(experts).find((size) => (experts / size) * perExpert <= available);
    return [
      warning({
        code: "MOE204",
        path: ["mesh", "ep"],
        message: `the weights of ${experts / ep} experts need ${formatBytes(local)}, ${name} has ${formatBytes(available)} of HBM`,
        detail: name,
        nearest: enough === undefined ? [] : [enough],
        ...(enough === undefined ? { note: "not even one expert fits: split experts first" } : {}),
      }),
    ];
  });
};
