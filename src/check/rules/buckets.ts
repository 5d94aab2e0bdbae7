/** Token buckets and the tiles in them, before any memory is counted. */

import { TILE_AXES } from "../../lower/tiles.ts";
import { fillsChips } from "../../predict/machine/torus.ts";
import type { Schedule, TileAxis } from "../../schedule/schedule.ts";
import { isChoices, members } from "../../spec/choice.ts";
import { cutText, deviceLayer } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { BucketSpec } from "../../spec/schedule.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { nearestOf } from "../numbers.ts";
import { error, type Rule, warning } from "./rule.ts";

const MEANING: Readonly<Record<TileAxis, string>> = {
  bt: "a row tile",
  bf: "an intermediate tile",
  bd: "a hidden tile",
};

const INT32_MAX = 2 ** 31 - 1;

/** Where a bucket's field is written: `rest` follows the bucket's name. */
export function bucketPath(name: string, ...rest: SpecPath): SpecPath {
  return ["schedule", "tiles", name, ...rest];
}

type Bucket = readonly [name: string, bucket: BucketSpec];

function bucketsOf(spec: MoeSpec, sound: (...path: SpecPath) => boolean): readonly Bucket[] {
  return sound("schedule", "tiles")
    ? Object.entries(spec.schedule.tiles)
    : Object.entries(spec.schedule?.tiles ?? {}).filter(([name]) => sound(...bucketPath(name)));
}

/** MOE109: a schedule without a bucket has no kernel for any number of tokens. */
export const someBucket: Rule = ({ spec, sound }) => {
  if (!sound("schedule", "tiles") || Object.keys(spec.schedule.tiles).length > 0) return [];
  return [
    error({
      code: "MOE109",
      path: ["schedule", "tiles"],
      message: "tiles has no bucket",
      nearest: ["{ all: { upTo: 1024, bt: auto, bf: auto, bd: auto } }"],
    }),
  ];
};

/** MOE110: each bucket's `upTo` exceeds that of the bucket written before it. */
export const bucketsAscend: Rule = ({ spec, sound }) => {
  const findings: Finding[] = [];
  let previous: Bucket | undefined;
  for (const entry of bucketsOf(spec, sound)) {
    const [name, bucket] = entry;
    if (previous !== undefined && bucket.upTo <= previous[1].upTo) {
      findings.push(
        error({
          code: "MOE110",
          path: bucketPath(name, "upTo"),
          message: `upTo = ${bucket.upTo} does not exceed ${previous[1].upTo} of ${previous[0]} before it`,
          detail: `${bucket.upTo} <= ${previous[1].upTo}`,
        }),
      );
    }
    previous = entry;
  }
  return findings;
};

/** MOE136: rows go along dimensions of a box of chips, and each chip's devices take part. */
export const dimensionsThere: Rule = ({ spec, sound, devices }) => {
  const { ep } = spec.mesh ?? {};
  if (!sound("mesh", "ep") || !sound("devices") || ep === undefined) return [];
  const partly = spec.devices.find((name) => {
    const device = devices[name];
    return device !== undefined && !fillsChips(device, ep);
  });
  if (ep > 1 && partly === undefined) return [];
  const why = ep === 1 ? "ep = 1" : `ep = ${ep}, part of a chip of ${partly} alone`;
  return bucketsOf(spec, sound).flatMap(([name, { transport }]) =>
    transport === "by dimensions"
      ? [
          error({
            code: "MOE136",
            path: bucketPath(name, "transport"),
            message: `transport = "by dimensions" with ${why}`,
            nearest: ["straight"],
          }),
        ]
      : [],
  );
};

/** MOE139: logits of all devices' tokens are there to be routed; ids that are given come by token. */
export const tokensToRoute: Rule = ({ spec, sound }) => {
  if (!sound("mesh", "ep") || !sound("layer", "routing")) return [];
  const given = spec.layer.routing.where !== "kernel";
  if (!given && spec.mesh.ep > 1) return [];
  const why = given ? "experts that are given" : "ep = 1";
  return bucketsOf(spec, sound).flatMap(([name, { routes }]) =>
    routes === "all"
      ? [
          error({
            code: "MOE139",
            path: bucketPath(name, "routes"),
            message: `routes = "all" with ${why}`,
            nearest: ["own"],
          }),
        ]
      : [],
  );
};

/** MOE117: a value stands once in a set of choices. */
export const choicesDistinct: Rule = ({ spec, sound }) =>
  bucketsOf(spec, sound).flatMap(([name, bucket]) =>
    TILE_AXES.flatMap((axis) => {
      const choice = bucket[axis];
      if (!isChoices(choice)) return [];
      const { values } = choice;
      return values.flatMap((value, index) =>
        values.indexOf(value) === index
          ? []
          : [
              error({
                code: "MOE117",
                path: bucketPath(name, axis, index),
                message: `${axis} = ${value} is already one of the choices`,
              }),
            ],
      );
    }),
  );

/**
 * MOE104: a written tile is one that the schedule takes for this layer; each member of a set of
 * choices by itself.
 */
export const tilesLegal: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer")) return [];
  const own = deviceLayer(spec.layer, spec.mesh);
  return bucketsOf(spec, sound).flatMap(([name, bucket]) =>
    TILE_AXES.flatMap((axis) => {
      const choice = bucket[axis];
      if (choice === undefined) return [];
      const set = isChoices(choice);
      return members(choice).flatMap((value, index) =>
        illegalTile(
          own,
          schedule,
          axis,
          value,
          bucketPath(name, axis, ...(set ? [index] : [])),
        ).map((finding) => ({
          ...finding,
          rule: `${finding.rule}${cutText(spec.layer, spec.mesh, axis)}`,
        })),
      );
    }),
  );
};

function illegalTile(
  layer: LayerSpec,
  schedule: Schedule,
  axis: TileAxis,
  value: number,
  path: SpecPath,
): readonly Finding[] {
  const { text, legal } = schedule.axisRule(layer, axis);
  if (legal.includes(value)) return [];
  const size = { bt: undefined, bf: layer.intermediate, bd: layer.hidden }[axis];
  const letter = axis === "bf" ? "F" : "D";
  const rest = size === undefined ? 0 : size % value;
  return [
    error({
      code: "MOE104",
      path,
      message:
        size !== undefined && rest !== 0
          ? `${axis} = ${value} does not divide ${letter} = ${size}`
          : `${axis} = ${value} is not a legal tile`,
      ...(size !== undefined && rest !== 0 ? { detail: `${size} % ${value} = ${rest}` } : {}),
      rule: `${MEANING[axis]} ${text} (${layer.dtype})`,
      nearest: nearestOf(legal, value),
    }),
  ];
}

/** MOE111: `btc` holds legal row counts, ascending, and ends with a written `bt`. */
export const rowCountsLegal: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer")) return [];
  return bucketsOf(spec, sound).flatMap(([name, { bt, btc }]) => {
    if (btc === undefined) return [];
    const path = bucketPath(name, "btc");
    if (btc.length === 0) {
      return [error({ code: "MOE111", path, message: "btc is empty" })];
    }
    const { legal } = schedule.axisRule(deviceLayer(spec.layer, spec.mesh), "bt");
    const findings = btc.flatMap((rows, index): readonly Finding[] => {
      const at = [...path, index];
      if (!legal.includes(rows)) {
        const message = `btc = ${rows} is not a legal row count`;
        const final = index === btc.length - 1 && typeof bt === "number";
        const least = Math.max(0, ...btc.slice(0, index));
        const most = Math.min(...btc.slice(index + 1));
        const free = legal.filter((n) => (final ? n === bt : n < most) && n > least);
        return [error({ code: "MOE111", path: at, message, nearest: nearestOf(free, rows) })];
      }
      const before = btc[index - 1];
      if (before === undefined || before < rows) return [];
      const message = `btc = ${rows} does not exceed ${before} before it`;
      return [error({ code: "MOE111", path: at, message })];
    });
    const last = btc.at(-1);
    // Another bt (a choice, auto) cuts btc to itself; a written one must agree with it.
    if (typeof bt === "number" && last !== bt) {
      const message = `btc ends with ${last}, bt is ${bt}`;
      const at = [...path, btc.length - 1];
      const ascends = legal.includes(bt) && btc.slice(0, -1).every((rows) => rows < bt);
      findings.push(error({ code: "MOE111", path: at, message, nearest: ascends ? [bt] : [] }));
    }
    return findings;
  });
};

/** MOE115: the kernel numbers its rows' elements in int32. */
export const indicesFit: Rule = ({ spec, sound, schedule }) => {
  if (!sound("layer")) return [];
  const { topK, hidden } = spec.layer;
  const rows = schedule?.rowsByToken === true ? 1 : topK;
  const routed = rows === topK ? ` × top-${topK}` : "";
  return bucketsOf(spec, sound).flatMap(([name, { upTo }]) => {
    const most = Math.floor(INT32_MAX / (rows * hidden));
    const elements = upTo * rows * hidden;
    if (elements <= INT32_MAX) return [];
    return [
      error({
        code: "MOE115",
        path: bucketPath(name, "upTo"),
        message: `upTo = ${upTo} tokens${routed} × D = ${hidden} is ${elements} elements, past int32`,
        detail: `${elements} > ${INT32_MAX}`,
        nearest: most > 0 ? [most] : [],
      }),
    ];
  });
};

/**
 * MOE116, a warning: a row tile above all the rows that a call can bring an expert is memory for
 * nothing.
 */
export const rowsWithinCall: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer")) return [];
  const { legal } = schedule.axisRule(deviceLayer(spec.layer, spec.mesh), "bt");
  return bucketsOf(spec, sound).flatMap(([name, { bt, upTo }]) => {
    const enough = legal.find((rows) => rows >= upTo);
    if (enough === undefined || bt === undefined) return [];
    return members(bt).flatMap((rows, index) =>
      rows <= enough
        ? []
        : [
            warning({
              code: "MOE116",
              path: bucketPath(name, "bt", ...(isChoices(bt) ? [index] : [])),
              message: `bt = ${rows} rows, but an expert never has more than upTo = ${upTo}`,
              nearest: [enough],
            }),
          ],
    );
  });
};
