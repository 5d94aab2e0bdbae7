/** Biases of the routed experts, with their weights. */
import { type Dim, dma, FLOAT, TWO, vmem } from "../declaration.ts";
import type { KernelInput } from "../frame.ts";
import type { Part } from "../part.ts";
import { LANES } from "../rows/layout.ts";

/** Streamed, an expert's biases outlive its tiles' slots: they have two of their own. */
function slotsOf({ streamed, tiles }: KernelInput): Dim {
  return streamed ? TWO : ["s.tiles.slots", tiles.slots];
}

export const biases: Part = {
  buffers: (input) => {
    const { layer, layout } = input;
    if (layer.biases !== true) return [];
    const slots = slotsOf(input);
    const both: readonly Dim[] = [slots, TWO, ["INTERMEDIATE_SIZE", layer.intermediate]];
    const row: readonly Dim[] = [slots, ["SUM_ROW", layout.sumRow], ["LANES", LANES]];
    return [
      vmem("gate_up_biases", both, FLOAT, "biases of gate and up", slots[1]),
      vmem("down_biases", row, FLOAT, "biases of down, as a row of sums", slots[1]),
    ];
  },
  semaphores: (input) =>
    input.layer.biases === true
      ? [dma("biases_arrived", slotsOf(input), "biases of an expert in their slot")]
      : [],
  streams: ({ layer, load, streamed }) => {
    if (layer.biases !== true) return [];
    const trips = load.readExperts * load.reads;
    return [
      {
        name: "biases_in",
        from: "HBM",
        to: "VMEM",
        remote: false,
        source: "gate_up_bias, down_bias",
        destination: "gate_up_biases, down_biases",
        issuedBy: streamed ? "await_biases" : "merge",
        awaitedBy: streamed ? "await_biases" : "await_weights",
        semaphore: "biases_arrived",
        bytes: trips * load.biasBytes,
        copies: 2 * trips,
        meaning: "biases of active experts, ahead of their use",
      },
    ];
  },
  stages: ({ layer, load, streamed }) => {
    if (layer.biases !== true || !streamed) return [];
    return [
      {
        name: "await_biases",
        meaning: "the expert's biases are here; the next one's start",
        reads: [],
        writes: ["gate_up_biases", "down_biases"],
        per: "expert",
        trips: load.readExperts * load.reads,
      },
    ];
  },
};
