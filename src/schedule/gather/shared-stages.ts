/** Stages of the shared experts: between the routes and the routed experts. */

import { activationName } from "../../emit/layer.ts";
import { sharedLayer, tokenRows, weightBytes } from "../../spec/formats.ts";
import type { Fit } from "./fit.ts";
import { loadOf } from "./load.ts";
import { sharedBuffers, sharedStreams, weightStreams } from "./scales.ts";
import { isTiled, sharedOf } from "./shared.ts";
import type { Draft } from "./stage.ts";
import { tileShapeOf } from "./tile-shape.ts";

/**
 * Bodies that are needed, with the row tiles of a pass that take each: whole tiles, and what is
 * left of own and of other tokens.
 */
function sharedBodies(fit: Fit, btc: readonly number[]): ReadonlyMap<number, number> {
  const { layer, ep, sizes, tiles, streamed } = fit.input;
  const blocks = sharedOf(layer, ep)?.blocks ?? 1;
  const own = sizes.passTokens;
  const bodies = new Map<number, number>();
  const take = (rows: number, times: number): void => {
    const body = btc.find((count) => rows <= count);
    if (rows === 0 || times === 0 || body === undefined) return;
    bodies.set(body, (bodies.get(body) ?? 0) + times);
  };
  for (const size of streamed ? [blocks * own] : [own, (blocks - 1) * own]) {
    take(tiles.bt, Math.floor(size / tiles.bt));
    take(size % tiles.bt, 1);
  }
  return new Map([...bodies].sort(([a], [b]) => a - b));
}

export function sharedStages(fit: Fit, btc: readonly number[]): readonly Draft[] {
  const { layer, ep, sizes, tiles, streamed } = fit.input;
  const { shared } = loadOf(fit);
  if (shared === undefined) return [];
  const spread = sharedOf(layer, ep);
  const tiled = spread !== undefined && isTiled(spread, streamed);
  const weights = shared.weightBytes.down / weightBytes(sharedLayer(layer));
  const productFlops = 2 * weights * shared.rows;
  const gated = layer.sharedExperts?.gate === "sigmoid";
  const sums = tileShapeOf(layer, tiles).wide ? ["gate_up_sums"] : ["gate_sums", "up_sums"];
  const buffers = sharedBuffers(layer);
  const overlaps = [...(ep > 1 ? ["rows_out"] : []), ...weightStreams(layer)];
  const rowScales = tokenRows(layer) === undefined ? [] : ["row_scales"];
  // The routed experts' are of another type there.
  const activations =
    layer.quantization?.activations === undefined ? "activations" : "shared_activations";
  const perTile = "row tile";
  const drafts: Draft[] = [
    {
      name: "await_shared",
      meaning: tiled
        ? "weight tiles of the shared experts are here; the next ones start"
        : "weights of the shared experts are here",
      reads: [],
      writes: [...buffers.gateUp, ...buffers.down],
      waits: sharedStreams(layer),
      starts: tiled ? [...sharedStreams(layer), ...weightStreams(layer)] : [],
      per: "weight tile",
      trips:
        shared.reads * (streamed ? shared.tiles.gateUp + shared.tiles.down : shared.tiles.columns),
    },
    {
      name: "shared_rows",
      meaning: "token rows as matrix operand, own ones first",
      reads: ["token_rows", "gathered_rows"],
      writes: ["gathered_rows", "operand", ...rowScales],
      per: perTile,
      trips: shared.rowTiles * (streamed ? 1 : shared.tiles.columns),
      overlaps,
    },
  ];
  for (const [count, tilesOfPass] of sharedBodies(fit, btc)) {
    const rowTiles = tilesOfPass * sizes.passes;
    const share = Math.min(1, (count * rowTiles) / shared.rows);
    drafts.push({
      name: `shared_gate_up_${count}`,
      meaning: `gate and up projection of the shared experts, at most ${count} rows`,
      reads: ["operand", ...rowScales, ...buffers.gateUp],
      writes: streamed ? sums : [],
      per: perTile,
      trips: rowTiles * shared.tiles.gateUp,
      flops: 2 * productFlops * share,
      rows: count,
      overlaps,
    });
    if (!streamed) {
      drafts.push({
        name: `shared_activation_${count}`,
        meaning: `${activationName(layer.activation)} of gate and up, at most ${count} rows`,
        reads: gated ? ["operand", "shared_gate_row"] : [],
        writes: [],
        per: perTile,
        trips: rowTiles * shared.tiles.columns,
        rows: count,
        overlaps,
      });
    }
    drafts.push({
      name: `shared_down_${count}`,
      meaning: `down projection of the shared experts, at most ${count} rows`,
      reads: streamed ? [activations, ...buffers.down] : buffers.down,
      writes: ["result_tiles"],
      per: perTile,
      trips: rowTiles * shared.tiles.down,
      flops: productFlops * share,
      rows: count,
      overlaps,
    });
  }
  if (streamed) {
    drafts.push({
      name: "shared_activation",
      meaning: `${activationName(layer.activation)} of gate and up of all rows at hand`,
      reads: gated ? [...sums, "operand", "shared_gate_row"] : sums,
      writes: [activations],
      per: "weight tile",
      trips: shared.reads * shared.tiles.columns,
      overlaps,
    });
  }
  drafts.push({
    name: "shared_combine",
    meaning: "results added to their tokens' sums",
    reads: ["result_tiles", "token_sums"],
    writes: ["token_sums"],
    per: perTile,
    trips: streamed ? shared.reads : shared.rowTiles * shared.tiles.columns,
    flops: shared.rows * layer.hidden,
    overlaps,
  });
  return drafts;
}
