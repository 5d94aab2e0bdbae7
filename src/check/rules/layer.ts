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

/** Expert groups against the experts and top-k. */
export const groupsFit: Rule = ({ spec, sound }) => {
  const routing = spec.layer?.routing;
  if (!sound("layer") || routing?.where !== "kernel" || routing.groups === undefined) return [];
  const { experts, topK } = spec.layer;
  const { count, kept, score } = routing.groups;
  const path = ["layer", "routing", "groups"];
  const wrong = (field: string, message: string, detail: string, nearest: readonly number[]) => [
    error({ code: "MOE118", path: [...path, field], message, detail, nearest }),
  ];
  if (experts % count !== 0) {
    const legal = nearestOf(divisors(experts), count);
    const detail = `${experts} % ${count} = ${experts % count}`;
    return wrong("count", `count = ${count} does not divide experts = ${experts}`, detail, legal);
  }
  const size = experts / count;
  const least = Math.ceil(topK / size);
  if (kept > count) {
    return wrong("kept", `kept = ${kept} exceeds count = ${count}`, `${kept} > ${count}`, [count]);
  }
  if (kept < least) {
    const message = `kept = ${kept} leaves ${kept * size} experts, fewer than topK = ${topK}`;
    return wrong("kept", message, `${kept} · ${size} < ${topK}`, [least]);
  }
  if (score === "sum_of_top_2" && size < 2) {
    const message = `score = "sum_of_top_2" needs 2 experts a group, count = ${count} leaves ${size}`;
    return wrong("count", message, `${experts} / ${count} < 2`, [Math.floor(experts / 2)]);
  }
  return [];
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
