/** Sizes, references and scratch of a kernel: what all of its modules share. */
import {
  goByNeed,
  isRelayed,
  isStreamed,
  passesMayOverlap,
  planListsInHbm,
  resultsInHbm,
  rowsInHbm,
  sumsInHbm,
} from "../plan/call.ts";
import type { Plan } from "../plan/plan.ts";
import { combinesByGroup } from "./experts/sums-in-hbm.ts";
import { NO_BLOCK, type Part } from "./part.ts";
import { sharesRegisters } from "./routing/words.ts";
import { fillsLanes } from "./rows/layout.ts";
import { isTiled, planShared } from "./shared-experts/spread.ts";
import { scaleBlockTemplate } from "./weights/quantization.ts";

const HERE = "kernel/shapes";

type Blocks = Readonly<Record<string, string>>;

/** How many weight tiles an expert has, where they stream: cut along columns that fill lanes. */
function tileBlocks({ layer, kernels }: Plan): Blocks {
  const streamed = isStreamed(kernels);
  const when = (had: boolean, name: string): string =>
    had ? `${HERE}/weight_tiles/${name}` : NO_BLOCK;
  const along = (size: number): string => (fillsLanes(size) ? "by_columns" : "by_rows");
  return {
    gate_up_tiles: when(streamed, `gate_up_${along(layer.intermediate)}`),
    down_tiles: when(streamed, `down_${along(layer.hidden)}`),
    operand_columns: when(streamed && !fillsLanes(layer.hidden), "operand_columns"),
  };
}

/** What the shared experts add: their columns of one device, and the tiles of those. */
function sharedBlocks(plan: Plan): Blocks {
  const { layer, kernels } = plan;
  const shared = planShared(plan);
  if (shared === undefined) return { shared_constants: NO_BLOCK, shared_tiles: NO_BLOCK };
  const streamed = isStreamed(kernels);
  const cut = fillsLanes(layer.hidden) ? "streamed_by_columns" : "streamed_by_rows";
  const tiles = streamed ? cut : "resident";
  return {
    shared_constants: `${HERE}/shared_constants/${shared.replicas > 1 ? "replicated" : "sharded"}`,
    shared_tiles: isTiled(shared, streamed) ? `${HERE}/shared_tiles/${tiles}` : NO_BLOCK,
  };
}

/** How many experts' weights start at entry: into the slots that shared ones leave. */
function earlyBlock(plan: Plan): string {
  const streamed = isStreamed(plan.kernels);
  const shared = planShared(plan);
  const tiled = shared !== undefined && isTiled(shared, streamed);
  if (streamed) return `${HERE}/early/streamed${tiled ? "_after_shared" : ""}`;
  return `${HERE}/early/resident${tiled ? "_after_tiles" : ""}`;
}

/** Distances of rows, lists, slots of passes, and buffers in HBM where rows lie there. */
function rowsBlocks(plan: Plan): Blocks {
  const inHbm = rowsInHbm(plan.kernels);
  const sums = sumsInHbm(plan.kernels);
  const listed = planListsInHbm(plan.kernels);
  const returned = plan.mesh.ep > 1 && goByNeed(plan.kernels) !== undefined;
  const when = (name: string): string => (inHbm ? `${HERE}/rows/${name}` : NO_BLOCK);
  const by = (name: string): string => `${HERE}/rows/${name}_${inHbm ? "hbm" : "vmem"}`;
  return {
    pitches: by("pitches") + (inHbm && plan.layer.sharedExperts !== undefined ? "_shared" : ""),
    names: by("names"),
    chunk: by("chunk"),
    list_words: listed ? `${HERE}/rows/list_words_of_block` : when("list_words"),
    list_sizes: listed ? `${HERE}/lists` : NO_BLOCK,
    entry_constants: `${HERE}/entry_constants/${listed ? "listed" : "packed"}`,
    route_words: `${HERE}/route_words/${listed ? "listed" : "whole"}`,
    pass_slots: passesMayOverlap(plan) ? `${HERE}/rows/pass_slots` : NO_BLOCK,
    hbm_buffers: when("hbm_buffers"),
    most_sums: sums ? `${HERE}/rows/most_sums` : NO_BLOCK,
    most_results: resultsInHbm(plan.kernels) ? `${HERE}/rows/most_results` : NO_BLOCK,
    group_slots: combinesByGroup(plan) ? `${HERE}/rows/group_slots` : NO_BLOCK,
    sum_chunk: sums ? `${HERE}/rows/sum_chunk` : NO_BLOCK,
    results: resultsInHbm(plan.kernels) ? `${HERE}/rows/results` : NO_BLOCK,
    part_chunk: sums && isRelayed(plan) ? `${HERE}/rows/part_chunk` : NO_BLOCK,
    returns: sums && returned ? `${HERE}/rows/returns` : NO_BLOCK,
  };
}

/** What is said of rows by where they lie. */
function rowsTexts({ kernels }: Plan): Readonly<Record<string, unknown>> {
  const inHbm = rowsInHbm(kernels);
  return {
    rowsWhere: inHbm ? "" : " in VMEM",
    shapesIn: inHbm ? "`hbm_buffers` and `scratch`" : "`scratch`",
    restText: inHbm ? "others" : "scratch",
  };
}

export const shapes: Part = {
  context: rowsTexts,
  modules: () => [{ name: "shapes", template: "kernel/shapes/shapes" }],
  blocks: (plan) => ({
    scale_block: scaleBlockTemplate(plan.layer),
    weight_words: `${HERE}/weight_words/${sharesRegisters(plan.mesh.ep) ? "by_stride" : "by_lanes"}`,
    early: earlyBlock(plan),
    ...tileBlocks(plan),
    ...rowsBlocks(plan),
    ...sharedBlocks(plan),
  }),
};
