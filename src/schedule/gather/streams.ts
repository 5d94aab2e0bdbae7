/** Every copy of the kernel: who starts it, who waits for it, what it moves in one call. */
import { gateUpCopies, gateUpRefs } from "../../emit/weight-layouts.ts";
import type { Stream } from "../../plan/plan.ts";
import type { Fit } from "./fit.ts";
import { LANES } from "./layout.ts";
import { ownLists, routesIn } from "./list-streams.ts";
import { expertTiles, hasConstants, loadOf } from "./load.ts";
import { scaleStreams, sharedScaleStreams } from "./scale-streams.ts";
import { sharedBuffers } from "./scales.ts";

export function streamsOf(fit: Fit): readonly Stream[] {
  const { layer, ep, sizes, layout, streamed } = fit.input;
  const load = loadOf(fit);
  const ownRows = sizes.passTokens * sizes.passes;
  const rowsBytes = ownRows * load.rowBytes;
  const routeBytes = 4 * sizes.routeWords * sizes.passes;
  const weightTiles = expertTiles(fit);
  const weightTrips = load.activeExperts * load.reads;
  const chunks = (sizes.passTokens / sizes.chunk) * sizes.passes;
  const local: Pick<Stream, "remote"> = { remote: false };
  const found: Stream[] = [
    {
      name: "tokens_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: "tokens",
      destination: "staging",
      issuedBy: "load_rows",
      awaitedBy: "load_rows",
      semaphore: "tokens_arrived",
      bytes: rowsBytes,
      copies: chunks,
      meaning: "this device's token rows",
    },
  ];
  if (layer.routing.where === "kernel") {
    found.push({
      name: "logits_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: "router_logits",
      destination: "logits",
      issuedBy: "load_rows",
      awaitedBy: "route",
      semaphore: "logits_arrived",
      bytes: ownRows * layout.logitLanes * 4,
      copies: sizes.passes,
      meaning: "router logits of this device's tokens",
    });
  } else {
    found.push({
      name: "routing_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: "given_ids, given_weights",
      destination: "ids_in, weights_in",
      issuedBy: "route",
      awaitedBy: "route",
      semaphore: "lists_moved",
      bytes: 2 * layout.choiceRows * sizes.laneTokens * sizes.passes * 4,
      copies: 2 * sizes.passes,
      meaning: "given experts and weights of this device's tokens",
    });
  }
  found.push(...ownLists(fit));
  if (ep > 1) {
    found.push(
      {
        name: "rows_out",
        from: "VMEM",
        to: "VMEM",
        remote: true,
        source: "token_rows",
        destination: "token_rows",
        issuedBy: "all_gather_rows",
        awaitedBy: "await_rows",
        semaphore: "rows_sent, rows_arrived",
        bytes: (ep - 1) * ownRows * load.sentRowBytes,
        copies: (ep - 1) * sizes.passes,
        meaning: "token rows to every other device",
      },
      {
        name: "routes_out",
        from: "VMEM",
        to: "VMEM",
        remote: true,
        source: "routes",
        destination: "routes",
        issuedBy: "exchange_routes",
        awaitedBy: "exchange_routes",
        semaphore: "routes_sent, routes_arrived",
        bytes: (ep - 1) * routeBytes,
        copies: (ep - 1) * sizes.passes,
        meaning: "sorted entries to every other device",
      },
    );
  }
  found.push(
    routesIn(fit),
    {
      name: "gate_up_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: gateUpRefs(layer.weights).join(", "),
      destination: "gate_up_tiles",
      issuedBy: streamed ? "await_weights" : "merge",
      awaitedBy: "await_weights",
      semaphore: "gate_up_arrived",
      bytes: weightTrips * load.weightBytes.gateUp,
      copies: weightTrips * weightTiles.gateUp * gateUpCopies(layer).length,
      meaning: "gate and up weights of active experts, ahead of their use",
    },
    {
      name: "down_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: "down_weights",
      destination: "down_tiles",
      issuedBy: streamed ? "await_weights" : "merge",
      awaitedBy: "await_weights",
      semaphore: "down_arrived",
      bytes: weightTrips * load.weightBytes.down,
      copies: weightTrips * weightTiles.down,
      meaning: "down weights of active experts, ahead of their use",
    },
  );
  found.push(...scaleStreams(fit));
  if (layer.biases === true) {
    found.push({
      name: "biases_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: "gate_up_bias, down_bias",
      destination: "gate_up_biases, down_biases",
      issuedBy: streamed ? "await_biases" : "merge",
      awaitedBy: streamed ? "await_biases" : "await_weights",
      semaphore: "biases_arrived",
      bytes: weightTrips * load.biasBytes,
      copies: 2 * weightTrips,
      meaning: "biases of active experts, ahead of their use",
    });
  }
  if (load.shared !== undefined) {
    const { reads, tiles: sharedTiles, weightBytes } = load.shared;
    const buffers = sharedBuffers(layer);
    const stream = { from: "HBM", to: "VMEM", ...local, awaitedBy: "await_shared" } as const;
    found.push(
      {
        name: "shared_gate_up_in",
        ...stream,
        source: "shared_gate_weights, shared_up_weights",
        destination: buffers.gateUp[0] ?? "",
        issuedBy: "load_rows",
        semaphore: "gate_up_arrived",
        bytes: reads * weightBytes.gateUp,
        copies: 2 * reads * sharedTiles.gateUp,
        meaning: "this device's gate and up columns of the shared experts, from the pass's start",
      },
      {
        name: "shared_down_in",
        ...stream,
        source: "shared_down_weights",
        destination: buffers.down[0] ?? "",
        issuedBy: "load_rows",
        semaphore: "down_arrived",
        bytes: reads * weightBytes.down,
        copies: reads * sharedTiles.down,
        meaning: "this device's down rows of the shared experts, from the pass's start",
      },
      ...sharedScaleStreams(fit),
    );
  }
  if (hasConstants(layer)) {
    const { routing, sharedExperts } = layer;
    const biased = routing.where === "kernel" && routing.correctionBias === true;
    const gated = sharedExperts?.gate === "sigmoid";
    const names = (both: readonly (string | false)[]): string => both.filter(Boolean).join(", ");
    found.push({
      name: "constants_in",
      from: "HBM",
      to: "VMEM",
      ...local,
      source: names([biased && "correction_bias", gated && "shared_gate"]),
      destination: names([biased && "bias", gated && "shared_gate_row"]),
      issuedBy: "constants",
      awaitedBy: "constants",
      semaphore: "lists_moved",
      bytes: 4 * ((biased ? layout.expertRows * LANES : 0) + (gated ? layout.paddedHidden : 0)),
      copies: Number(biased) + Number(gated),
      meaning: "what belongs to the layer, not to an expert",
    });
  }
  if (ep > 1) {
    found.push({
      name: "sums_out",
      from: "VMEM",
      to: "VMEM",
      remote: true,
      source: "token_rows",
      destination: "arrived_sums",
      issuedBy: "reduce_scatter",
      awaitedBy: "reduce_scatter",
      semaphore: "sums_sent, sums_arrived",
      bytes: (ep - 1) * ownRows * load.partRowBytes,
      copies: (ep - 1) * sizes.passes,
      meaning: "partial sums back to the tokens' devices",
    });
  }
  found.push({
    name: "output_out",
    from: "VMEM",
    to: "HBM",
    ...local,
    source: "staging",
    destination: "output",
    issuedBy: "write_output",
    awaitedBy: "write_output",
    semaphore: "output_written",
    bytes: rowsBytes,
    copies: chunks,
    meaning: "result rows",
  });
  return found;
}
