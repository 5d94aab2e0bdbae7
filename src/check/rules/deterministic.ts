/** What keeps a token's result from being the same to the last bit, where the spec asks for that. */
import { type ResolvedTiles, TILE_AXES } from "../../lower/tiles.ts";
import { divisors } from "../../plan/divisors.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Finding } from "../diagnostic.ts";
import { bucketPath } from "./buckets.ts";
import { error, type Rule } from "./rule.ts";

/** MOE112: a schedule offers it or does not. */
export const scheduleKeepsOrder: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer") || spec.layer.deterministic !== true) return [];
  if (schedule.deterministic === true) return [];
  // One that says why says it itself.
  if (schedule.layerProblems(spec.layer).some(({ field }) => field === "deterministic")) return [];
  return [
    error({
      code: "MOE112",
      path: ["layer", "deterministic"],
      message: `the ${schedule.kind} schedule has no deterministic kernel`,
    }),
  ];
};

/** MOE137: products of other row counts are other programs, each with an order of its own. */
export const oneBody: Rule = ({ spec, sound }) => {
  if (!sound("layer") || spec.layer.deterministic !== true || !sound("schedule", "tiles"))
    return [];
  return Object.entries(spec.schedule.tiles).flatMap(([name, { btc }]) => {
    const last = btc?.at(-1);
    if (btc === undefined || last === undefined || btc.length === 1) return [];
    return [
      error({
        code: "MOE137",
        path: bucketPath(name, "btc"),
        message: `btc = [${btc.join(", ")}] with deterministic: ${btc.length} bodies`,
        nearest: [`[${last}]`],
      }),
    ];
  });
};

/** Whether each of `ep` devices has columns of its own of the shared experts. */
function cutsOver(schedule: Schedule, layer: LayerSpec, ep: number): boolean {
  const { sharedExperts } = layer;
  if (sharedExperts === undefined) return true;
  return (
    schedule.sharedColumns(layer, ep) * ep === sharedExperts.count * sharedExperts.intermediate
  );
}

/** MOE138: devices with the same columns share out tokens, so that who adds them is the token's place. */
export const sharedCutOverAll: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer") || !sound("mesh", "ep")) return [];
  const { layer } = spec;
  const { ep } = spec.mesh;
  const { sharedExperts } = layer;
  if (layer.deterministic !== true || sharedExperts === undefined) return [];
  if (cutsOver(schedule, layer, ep)) return [];
  const columns = sharedExperts.count * sharedExperts.intermediate;
  const kept = schedule.sharedColumns(layer, ep);
  return [
    error({
      code: "MOE138",
      path: ["mesh", "ep"],
      message: `ep = ${ep} with deterministic: ${schedule.kind} keeps ${kept} of the shared experts' ${columns} columns on a device, not 1 of ${ep} parts`,
      nearest: divisors(ep)
        .filter((devices) => cutsOver(schedule, layer, devices))
        .slice(-1),
    }),
  ];
};

/**
 * MOE137, of tiles that are numbers: tiles of other sizes cut the contractions otherwise, and early
 * experts come before rows of the first beyond its block. The least of an axis fits every bucket.
 */
export function judgeTiles(spec: MoeSpec, resolved: readonly ResolvedTiles[]): readonly Finding[] {
  // Without tiles the layer may be anything.
  if (resolved.length === 0 || spec.layer.deterministic !== true) return [];
  const kernels = resolved.map(({ kernel }) => kernel);
  const cut = TILE_AXES.flatMap((axis) =>
    kernels.flatMap(({ bucket, device, tiles }) => {
      const others = kernels.filter((other) => other.device === device);
      const least = others.reduce((a, b) => (b.tiles[axis] < a.tiles[axis] ? b : a));
      if (tiles[axis] === least.tiles[axis]) return [];
      return [
        error({
          code: "MOE137",
          path: bucketPath(bucket, axis),
          message: `${axis} = ${tiles[axis]} with deterministic, ${least.tiles[axis]} in ${least.bucket} (${device})`,
          detail: device,
          nearest: [least.tiles[axis]],
        }),
      ];
    }),
  );
  const early = kernels.flatMap(({ bucket, device, tiles }) => {
    const written = spec.schedule.tiles[bucket]?.early ?? 0;
    if (!tiles.streamed || written <= 1) return [];
    return [
      error({
        code: "MOE137",
        path: bucketPath(bucket, "early"),
        message: `early = ${written} with deterministic and weights in tiles (${device})`,
        detail: device,
        nearest: [1],
      }),
    ];
  });
  return [...cut, ...early];
}
