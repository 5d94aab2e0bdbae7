/** How long the kernel takes, by its tiles: what `auto` chooses them by. */
import { pushedRows, rowsOfQuarters } from "../../kernel/feed-forward/pushed.ts";
import { rowMultiple } from "../../kernel/feed-forward/rules.ts";
import { weightSeconds } from "../../kernel/passes/overlap.ts";
import { roundUp } from "../../kernel/rows/layout.ts";
import { projections } from "../../spec/formats.ts";
import type { LowerInput } from "../schedule.ts";
import { kernelOf } from "./lower.ts";

/** Row tiles that an expert's rows are cut into at most, where they are cut alike. */
const MOST_TILES = 8;
const LARGE = [512, 256, 128] as const;

/**
 * Seconds of the kernel, as far as weights and matrix units say: weights that come in tiles are read
 * again for each row tile of an expert, and what is left after whole ones takes a body of its own.
 */
export function seconds(asked: LowerInput): number {
  const { kernel, load, btc } = kernelOf(asked);
  const { layer, device, tiles, streamed } = kernel;
  const read = weightSeconds(kernel) / load.localExperts;
  const weights = (projections(layer) + 1) * layer.hidden * layer.intermediate;
  const quarters = rowsOfQuarters(load.rowsPerExpert);
  const taken = quarters.map((rows) => {
    const reads = streamed ? Math.ceil(rows / tiles.bt) : 1;
    const work = (2 * weights * pushedRows(kernel, rows, btc)) / device.bf16Flops;
    return Math.max(reads * read, work);
  });
  return (load.activeExperts * taken.reduce((sum, each) => sum + each, 0)) / quarters.length;
}

/**
 * Rows of a tile that cut those of most experts alike, into one tile, two, three...; and more, which the shared
 * experts' tokens take as well: a tile begins and ends with waits.
 */
export function rowTiles(asked: LowerInput): readonly number[] {
  const { kernel, load } = kernelOf(asked);
  const most = load.rowsPerExpert + 2 * Math.sqrt(load.rowsPerExpert);
  const unit = rowMultiple(kernel.layer);
  const alike = Array.from({ length: MOST_TILES }, (_, index) => roundUp(most / (index + 1), unit));
  return [...alike, ...LARGE];
}
