/** The stages in order. Names are the `jax.named_scope`s of the generated kernel. */

import { activationName } from "../../emit/layer.ts";
import type { Stage } from "../../plan/plan.ts";
import type { Fit } from "./fit.ts";
import { expertTiles, hasConstants, loadOf } from "./load.ts";
import { sharedStages } from "./shared-stages.ts";
import type { Draft } from "./stage.ts";
import { tileShapeOf } from "./tile-shape.ts";

const WEIGHTS = ["gate_up_in", "down_in"];
const SHARED_WEIGHTS = ["shared_gate_up_in", "shared_down_in"];

export function stagesOf(fit: Fit, btc: readonly number[]): readonly Stage[] {
  const { layer, ep, sizes, tiles, streamed } = fit.input;
  const load = loadOf(fit);
  const passes = sizes.passes;
  const distributed = ep > 1;
  const experts = load.activeExperts * load.reads;
  const rows = load.routedRows;
  const tileFlops = 2 * layer.hidden * layer.intermediate;
  const weightTiles = expertTiles(fit);
  const sums = tileShapeOf(layer, tiles).wide ? ["gate_up_sums"] : ["gate_sums", "up_sums"];
  const biased = layer.biases === true;
  const weightStreams = biased && !streamed ? [...WEIGHTS, "biases_in"] : WEIGHTS;
  /** The body that the average expert's rows take. */
  const average = btc.find((count) => load.rowsPerExpert <= count) ?? tiles.bt;
  const isAverage = (rowCount: number): boolean => rowCount === average;
  const stages: Draft[] = [];
  if (distributed) {
    stages.push({
      name: "barrier",
      meaning: "all devices have entered this call",
      reads: [],
      writes: [],
      per: "call",
      trips: 1,
    });
  }
  if (hasConstants(layer)) {
    stages.push({
      name: "constants",
      meaning: "what belongs to the layer, not to an expert",
      reads: [],
      writes: [],
      waits: ["constants_in"],
      starts: ["constants_in"],
      per: "call",
      trips: 1,
    });
  }
  const sharedStarts = load.shared === undefined ? [] : SHARED_WEIGHTS;
  stages.push({
    name: "load_rows",
    meaning: "token rows from HBM, packed",
    reads: ["tokens", "staging"],
    writes: ["staging", "gathered_rows", "token_rows"],
    waits: ["tokens_in"],
    starts: [
      ...(layer.routing.where === "kernel" ? ["tokens_in", "logits_in"] : ["tokens_in"]),
      ...sharedStarts,
    ],
    per: "pass",
    trips: passes,
  });
  if (distributed) {
    stages.push({
      name: "all_gather_rows",
      meaning: "start sending the rows to every other device",
      reads: ["token_rows"],
      writes: [],
      starts: ["rows_out"],
      per: "pass",
      trips: passes,
      overlaps: ["route", "sort", "exchange_routes", "active_experts", "zero_sums"],
    });
  }
  stages.push(
    {
      name: "route",
      meaning: "scores, top-k, rank of each entry among its expert's",
      reads: layer.routing.where === "kernel" ? ["logits"] : ["ids_in", "weights_in"],
      writes: ["expert_ids", "ranks", "positions", "positions_smem", "own_routes"],
      waits: [layer.routing.where === "kernel" ? "logits_in" : "routing_in"],
      per: "pass",
      trips: passes,
    },
    {
      name: "sort",
      meaning: "own entries sorted by expert",
      reads: ["positions_smem", "own_routes"],
      writes: ["own_entries", "routes"],
      per: "pass",
      trips: passes,
    },
    {
      name: "exchange_routes",
      meaning: "sorted entries to and from all devices",
      reads: ["routes"],
      writes: ["routes", "all_routes"],
      waits: distributed ? ["routes_out", "routes_in"] : ["routes_in"],
      starts: distributed ? ["routes_out", "routes_in"] : ["routes_in"],
      per: "pass",
      trips: passes,
    },
    {
      name: "active_experts",
      meaning: "local experts that have rows; the first one's weights start",
      reads: ["all_routes"],
      writes: streamed ? ["item_experts", "item_first_rows"] : ["active_experts"],
      starts: streamed && biased ? [...WEIGHTS, "biases_in"] : weightStreams,
      per: "pass",
      trips: passes,
    },
    {
      name: "zero_sums",
      meaning: "clear the sums",
      reads: [],
      writes: ["token_sums"],
      per: "pass",
      trips: passes,
    },
  );
  if (distributed) {
    stages.push({
      name: "await_rows",
      meaning: "rows of all devices are here",
      reads: [],
      writes: ["token_rows"],
      waits: ["rows_out"],
      per: "pass",
      trips: passes,
    });
  }
  stages.push(...sharedStages(fit, btc));
  const perTile = "row tile";
  stages.push(
    {
      name: "merge",
      meaning: "one expert's rows of all devices in one list; next weights start",
      reads: ["all_routes"],
      writes: ["expert_entries"],
      starts: streamed ? [] : weightStreams,
      per: "expert",
      trips: experts,
      overlaps: WEIGHTS,
    },
    {
      name: "gather",
      meaning: "the expert's rows side by side",
      reads: ["token_rows", "expert_entries"],
      writes: ["gathered_rows"],
      per: perTile,
      trips: load.rowTiles,
      overlaps: WEIGHTS,
    },
    {
      name: "operand",
      meaning: "the rows as matrix operand",
      reads: ["gathered_rows"],
      writes: ["operand"],
      per: perTile,
      trips: load.rowTiles,
      overlaps: WEIGHTS,
    },
    {
      name: "await_weights",
      meaning: "weight tiles of this step are here",
      reads: [],
      writes: ["gate_up_tiles", "down_tiles"],
      waits: weightStreams,
      starts: streamed ? WEIGHTS : [],
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
      reads: ["operand", "gate_up_tiles"],
      writes: streamed ? sums : [],
      per: perTile,
      trips: isAverage(count) ? load.rowTiles * weightTiles.gateUp : 0,
      flops: isAverage(count) ? 2 * tileFlops * rows : 0,
      overlaps: WEIGHTS,
    });
    if (!streamed) {
      stages.push({
        name: `activation_${count}`,
        meaning: `${activationName(layer.activation)} of gate and up, at most ${count} rows`,
        reads: biased ? ["gate_up_biases"] : [],
        writes: [],
        per: perTile,
        trips: isAverage(count) ? load.rowTiles : 0,
        overlaps: WEIGHTS,
      });
    }
    stages.push({
      name: `down_${count}`,
      meaning: `down projection, at most ${count} rows`,
      reads: streamed ? ["activations", "down_tiles"] : ["down_tiles"],
      writes: ["result_tiles"],
      per: perTile,
      trips: isAverage(count) ? load.rowTiles * weightTiles.down : 0,
      flops: isAverage(count) ? tileFlops * rows : 0,
      overlaps: WEIGHTS,
    });
  }
  if (streamed) {
    stages.push({
      name: "activation",
      meaning: `${activationName(layer.activation)} of gate and up of all rows at hand`,
      reads: biased ? [...sums, "gate_up_biases"] : sums,
      writes: ["activations"],
      per: "weight tile",
      trips: experts * weightTiles.intermediate,
      overlaps: WEIGHTS,
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
    overlaps: WEIGHTS,
  });
  if (distributed) {
    stages.push({
      name: "reduce_scatter",
      meaning: "sums to the tokens' devices",
      reads: ["token_sums"],
      writes: ["token_rows", "arrived_sums"],
      waits: ["rows_out", "routes_out", "sums_out"],
      starts: ["sums_out"],
      per: "pass",
      trips: passes,
      flops: 0,
    });
  }
  stages.push({
    name: "write_output",
    meaning: "sums added up, rounded and written",
    reads: distributed ? ["token_sums", "arrived_sums"] : ["token_sums"],
    writes: ["gathered_rows", "staging", "output"],
    waits: distributed ? ["sums_out", "output_out"] : ["output_out"],
    starts: ["output_out"],
    per: "pass",
    trips: passes,
    flops: (ep - 1) * (sizes.passTokens * passes) * layer.hidden,
  });
  return stages.map((stage) => ({ waits: [], starts: [], flops: 0, overlaps: [], ...stage }));
}
