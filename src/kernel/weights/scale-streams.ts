/** Copies of scales: each goes with the copy of its weight tile. */
import type { Stream } from "../../plan/plan.ts";
import type { Frame } from "../frame.ts";
import { expertTiles } from "../load.ts";
import { gateUpCopies, gateUpRefs } from "./layouts.ts";
import { scaleRef } from "./quantization.ts";
import { tileStreams } from "./tile-streams.ts";

/** Stages that start and await the routed experts' tiles: streamed ones are started a trip ahead. */
export function stagesOf({ streamed }: Frame): Pick<Stream, "issuedBy" | "awaitedBy"> {
  return { issuedBy: streamed ? "await_weights" : "merge", awaitedBy: "await_weights" };
}

/** Of the routed experts; none where their weights are not quantised. */
export function scaleStreams(frame: Frame): readonly Stream[] {
  const { layer, load } = frame;
  if (layer.quantization === undefined) return [];
  const tiles = expertTiles(frame);
  const trips = load.readExperts * load.weightReads;
  return tileStreams(
    stagesOf(frame),
    {
      name: "gate_up_scales_in",
      source: gateUpRefs(layer.weights).map(scaleRef).join(", "),
      destination: "gate_up_scales",
      bytes: trips * load.scaleBytes.gateUp,
      copies: trips * tiles.gateUp * gateUpCopies(layer),
      tiles: tiles.gateUp,
      meaning: "scales of gate and up weights, with their tiles",
    },
    {
      name: "down_scales_in",
      source: "down_scale",
      destination: "down_scales",
      bytes: trips * load.scaleBytes.down,
      copies: trips * tiles.down,
      tiles: tiles.down,
      meaning: "scales of down weights, with their tiles",
    },
  );
}
