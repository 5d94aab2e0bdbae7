/** Passes that may overlap: how long a call takes, in so many of them. */
import { partUnit, secondsOf } from "../../kernel/collectives/choose.ts";
import { type KernelInput, passSlots } from "../../kernel/frame.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { weightBytes } from "../../spec/formats.ts";

/** Routing of a pass and the exchange of its lists, which nothing else overlaps. */
const PHASE_SECONDS = 8e-6;

/**
 * Seconds of a call whose passes may overlap, as far as links, weights and matrix units say: where they
 * do, rows of the first come alone, sums of the last leave alone, between them the slowest of the three
 * counts; else all of a pass before the next.
 * @param reads times that an expert's weights are read in a pass
 */
export function overlappedSeconds(input: KernelInput, reads: number): number {
  const { layer, device, ep, layout, parts, sizes } = input;
  const held = input.rows === "hbm" ? layout.rowPitch : layout.row;
  const bytes = (sublanes: number): number => sizes.sentTokens * sublanes * LANES * 4;
  const both = { device, ep, sentTokens: sizes.sentTokens, unit: partUnit(layout) };
  const links = secondsOf({ ...both, rows: bytes(held), sums: bytes(layout.partRow) }, parts);
  const local = (3 * layer.hidden * layer.intermediate * layer.experts) / ep;
  const bandwidth = device.hbmBandwidth * device.timing.hbmEfficiency.value;
  const rows = (sizes.allTokens * layer.topK) / layer.experts;
  // XLA then copies tokens that do not fill the passes, and the results.
  const padded = sizes.passes * sizes.passTokens > sizes.deviceShare;
  const row = layout.paddedHidden * layout.itemBytes;
  const copied = padded ? (4 * sizes.deviceShare * row) / bandwidth : 0;
  const work = Math.max(
    (reads * local * weightBytes(layer)) / bandwidth,
    (2 * local * rows) / device.bf16Flops,
  );
  const one = Math.max(links / 2, work);
  if (passSlots(input) === 1) return copied + sizes.passes * (links + work + PHASE_SECONDS);
  const middle = (sizes.passes - 2) * Math.max(links, work);
  return copied + links + 2 * one + middle + sizes.passes * PHASE_SECONDS;
}
