/** Arrays that belong to the layer, not to an expert: brought to VMEM once a call. */
import { FLOAT, ONE, vmem } from "./declaration.ts";
import type { Part } from "./part.ts";
import { LANES, type Layer } from "./rows/layout.ts";
import { rowColumns } from "./rows/types.ts";

/** The correction bias of the routing (its buffer is the routing's), and the shared experts' gate. */
function constantsOf({ routing, sharedExperts }: Layer) {
  const biased = routing.where === "kernel" && routing.correctionBias === true;
  return { biased, gated: sharedExperts?.gate === "sigmoid" };
}

/** Whether there are any. */
export function hasConstants(layer: Layer): boolean {
  const { biased, gated } = constantsOf(layer);
  return biased || gated;
}

export const constants: Part = {
  context: ({ layer }) => ({ constants: hasConstants(layer) }),
  buffers: ({ layer, layout }) => {
    if (!constantsOf(layer).gated) return [];
    const row = [ONE, rowColumns(layer, layout)];
    return [vmem("shared_gate_row", row, FLOAT, "gate of the shared experts' result")];
  },
  streams: ({ layer, layout }) => {
    const { biased, gated } = constantsOf(layer);
    if (!biased && !gated) return [];
    const names = (both: readonly (string | false)[]): string => both.filter(Boolean).join(", ");
    return [
      {
        name: "constants_in",
        from: "HBM",
        to: "VMEM",
        remote: false,
        source: names([biased && "correction_bias", gated && "shared_gate"]),
        destination: names([biased && "bias", gated && "shared_gate_row"]),
        issuedBy: "first_weights",
        awaitedBy: "constants",
        semaphore: "lists_moved",
        bytes: 4 * ((biased ? layout.expertRows * LANES : 0) + (gated ? layout.paddedHidden : 0)),
        copies: Number(biased) + Number(gated),
        meaning: "what belongs to the layer, not to an expert",
      },
    ];
  },
  stages: ({ layer }) => {
    if (!hasConstants(layer)) return [];
    const meaning = "what belongs to the layer, not to an expert";
    return [{ name: "constants", meaning, reads: [], writes: [], per: "call", trips: 1 }];
  },
};
