/** Stages of the routed experts: rows in, products, results to sums. */

import { activationName } from "../../emit/layer.ts";
import { tokenRows } from "../../spec/formats.ts";
import type { Fit } from "./fit.ts";
import { expertTiles, loadOf } from "./load.ts";
import { weightBuffers, weightStreams } from "./scales.ts";
import type { Draft } from "./stage.ts";
import { tileShapeOf } from "./tile-shape.ts";

/** Streams that bring what one routed expert needs. */
export function routedWeights({ input }: Fit): readonly string[] {
  const weights = weightStreams(input.layer);
  return input.layer.biases === true ? [...weights, "biases_in"] : weights;
}

export function routedStages(fit: Fit, btc: readonly number[]): readonly Draft[] {
  const { layer, tiles, streamed } = fit.input;
  const load = loadOf(fit);
  const experts = load.activeExperts * load.reads;
  const rows = load.routedRows;
  const tileFlops = 2 * layer.hidden * layer.intermediate;
  const weightTiles = expertTiles(fit);
  const sums = tileShapeOf(layer, tiles).wide ? ["gate_up_sums"] : ["gate_sums", "up_sums"];
  const biased = layer.biases === true;
  const weights = weightStreams(layer);
  const buffers = weightBuffers(layer);
  const rowScales = tokenRows(layer) === undefined ? [] : ["row_scales"];
  const quantized = layer.quantization?.activations !== undefined;
  const activationScales = quantized ? ["activation_scales"] : [];
  const activated = quantized
    ? `${activationName(layer.activation)} of gate and up, quantised by row`
    : `${activationName(layer.activation)} of gate and up`;
  const awaited = biased && !streamed ? [...weights, "biases_in"] : weights;
  /** The body that the average expert's rows take. */
  const average = btc.find((count) => load.typicalRows <= count) ?? tiles.bt;
  const isAverage = (rowCount: number): boolean => rowCount === average;
  const stages: Draft[] = [];
  const perTile = "row tile";
  stages.push(
    {
      name: "merge",
      meaning: "one expert's rows of all devices in one list; next weights start",
      reads: ["all_routes"],
      writes: ["expert_entries"],
      starts: streamed ? [] : awaited,
      per: "expert",
      trips: experts,
      overlaps: weights,
    },
    {
      name: "gather",
      meaning: "the expert's rows side by side",
      reads: ["token_rows", "expert_entries"],
      writes: ["gathered_rows"],
      per: perTile,
      trips: load.rowTiles,
      overlaps: weights,
    },
    {
      name: "operand",
      meaning: "the rows as matrix operand",
      reads: ["gathered_rows"],
      writes: ["operand", ...rowScales],
      per: perTile,
      trips: load.rowTiles,
      overlaps: weights,
    },
    {
      name: "await_weights",
      meaning: "weight tiles of this step are here",
      reads: [],
      writes: [...buffers.gateUp, ...buffers.down],
      waits: awaited,
      starts: streamed ? weights : [],
      per: streamed ? "weight tile" : "expert",
      trips: experts * (streamed ? weightTiles.gateUp + weightTiles.down : 1),
    },
  );
  if (biased && streamed) {
    stages.push({
      name: "await_biases",
      meaning: "the expert's biases are here; the next one's start",
      reads: [],
      writes: ["gate_up_biases", "down_biases"],
      waits: ["biases_in"],
      starts: ["biases_in"],
      per: "expert",
      trips: experts,
    });
  }
  for (const count of btc) {
    stages.push({
      name: `gate_up_${count}`,
      meaning: `gate and up projection, at most ${count} rows`,
      reads: [
        "operand",
        ...rowScales,
        "gate_up_tiles",
        ...(biased && !streamed ? ["gate_up_biases"] : []),
      ],
      writes: streamed ? sums : [],
      per: perTile,
      trips: isAverage(count) ? load.rowTiles * weightTiles.gateUp : 0,
      flops: isAverage(count) ? 2 * tileFlops * rows : 0,
      rows: count,
      overlaps: weights,
    });
    if (!streamed) {
      stages.push({
        name: `activation_${count}`,
        meaning: `${activated}, at most ${count} rows`,
        reads: [],
        writes: [],
        per: perTile,
        trips: isAverage(count) ? load.rowTiles : 0,
        rows: count,
        overlaps: weights,
      });
    }
    stages.push({
      name: `down_${count}`,
      meaning: `down projection, at most ${count} rows`,
      reads: streamed ? ["activations", ...activationScales, ...buffers.down] : buffers.down,
      writes: ["result_tiles"],
      per: perTile,
      trips: isAverage(count) ? load.rowTiles * weightTiles.down : 0,
      flops: isAverage(count) ? tileFlops * rows : 0,
      rows: count,
      overlaps: weights,
    });
  }
  if (streamed) {
    stages.push({
      name: "activation",
      meaning: `${activationName(layer.activation)} of gate and up of all rows at hand`,
      reads: [...sums, ...rowScales, ...(biased ? ["gate_up_biases"] : [])],
      writes: ["activations", ...activationScales],
      per: "weight tile",
      trips: experts * weightTiles.intermediate,
      overlaps: weights,
    });
  }
  stages.push({
    name: "combine",
    meaning: "weighted results added to their tokens' sums",
    reads: [
      ...["result_tiles", "expert_entries", "all_routes", "token_sums"],
      ...(biased ? ["down_biases"] : []),
    ],
    writes: ["token_sums"],
    per: streamed ? "expert" : "row tile",
    trips: streamed ? experts : load.rowTiles,
    flops: 2 * rows * layer.hidden,
    overlaps: weights,
  });
  return stages;
}
