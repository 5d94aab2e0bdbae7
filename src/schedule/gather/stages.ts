/** The stages in order. Names are the `jax.named_scope`s of the generated kernel. */

import type { Stage } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import type { Fit } from "./fit.ts";
import { hasConstants, loadOf } from "./load.ts";
import { loopTripsOf } from "./loop-trips.ts";
import { loopsOf } from "./loops.ts";
import { routedStages, routedWeights } from "./routed-stages.ts";
import { needsPassBarrier } from "./row-types.ts";
import { sharedStreams } from "./scales.ts";
import { sharedStages } from "./shared-stages.ts";
import type { Draft } from "./stage.ts";

export function stagesOf(fit: Fit, btc: readonly number[]): readonly Stage[] {
  const { layer, ep, sizes, streamed } = fit.input;
  const load = loadOf(fit);
  const passes = sizes.passes;
  const distributed = ep > 1;
  const narrowSums = layer.wire?.combine !== undefined;
  const weights = routedWeights(fit);
  const stages: Draft[] = [];
  if (distributed) {
    stages.push({
      name: "barrier",
      meaning: "all devices have entered this call",
      reads: [],
      writes: [],
      per: "call",
      trips: 1,
      barrier: true,
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
  const sharedStarts = load.shared === undefined ? [] : sharedStreams(layer);
  stages.push({
    name: "load_rows",
    meaning:
      tokenRows(layer) === undefined
        ? "token rows from HBM, packed"
        : `token rows from HBM, quantised to ${tokenRows(layer)} and packed`,
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
      waits: [layer.routing.where === "kernel" ? "logits_in" : "routing_in", "positions_in"],
      starts: layer.routing.where === "kernel" ? ["positions_in"] : ["routing_in", "positions_in"],
      per: "pass",
      trips: passes,
    },
    {
      name: "sort",
      meaning: "own entries sorted by expert",
      reads: ["positions_smem", "own_routes"],
      writes: ["own_entries", "routes"],
      waits: ["own_entries_in", "own_weights_in"],
      starts: ["own_entries_in", "own_weights_in"],
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
      starts: weights,
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
  stages.push(...sharedStages(fit, btc), ...routedStages(fit, btc));
  if (distributed) {
    stages.push({
      name: "reduce_scatter",
      meaning: narrowSums
        ? "sums quantised to int8, and to the tokens' devices"
        : "sums to the tokens' devices",
      reads: ["token_sums"],
      writes: [...(narrowSums ? ["gathered_rows"] : []), "token_rows", "arrived_sums"],
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
    reads: narrowSums
      ? ["token_rows", "arrived_sums"]
      : distributed
        ? ["token_sums", "arrived_sums"]
        : ["token_sums"],
    writes: ["gathered_rows", "staging", "output"],
    waits: distributed ? ["sums_out", "output_out"] : ["output_out"],
    starts: ["output_out"],
    per: "pass",
    trips: passes,
    flops: (ep - 1) * (sizes.passTokens * passes) * layer.hidden,
  });
  if (distributed && passes > 1 && needsPassBarrier(layer)) {
    stages.push({
      name: "pass_barrier",
      meaning: "the sums of all devices have left, before rows of the next pass arrive there",
      reads: [],
      writes: [],
      per: "pass",
      trips: passes - 1,
      barrier: true,
    });
  }
  const loops = loopsOf(sizes, layer);
  const loopTrips = loopTripsOf(fit);
  return stages.map((stage) => ({
    ...{ waits: [], starts: [], flops: 0, overlaps: [] },
    ...stage,
    ...(loops[stage.name] === undefined ? {} : { loops: loops[stage.name] }),
    loopTrips: loopTrips[stage.name] ?? [],
  }));
}
