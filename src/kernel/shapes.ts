/** Sizes, references and scratch of a kernel: what all of its modules share. */
import { isStreamed, rowsInHbm } from "../plan/call.ts";
import { greatestCommonDivisor } from "../plan/divisors.ts";
import type { Plan } from "../plan/plan.ts";
import { NO_BLOCK, type Part } from "./part.ts";
import { sharesRegisters } from "./routing/words.ts";
import { fillsLanes, LANES, type Layout, layoutOf, SUBLANES } from "./rows/layout.ts";
import { isTiled, sharedOf } from "./shared-experts/spread.ts";
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
function sharedBlocks({ layer, mesh, kernels }: Plan): Blocks {
  const shared = sharedOf(layer, mesh.ep);
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
function earlyBlock({ layer, mesh, kernels }: Plan): string {
  const streamed = isStreamed(kernels);
  const shared = sharedOf(layer, mesh.ep);
  const tiled = shared !== undefined && isTiled(shared, streamed);
  if (streamed) return `${HERE}/early/streamed${tiled ? "_after_shared" : ""}`;
  return `${HERE}/early/resident${tiled ? "_after_tiles" : ""}`;
}

/** Runs of results in VMEM at once, where results lie in HBM. */
export const RUN_SLOTS = 4;
/** Bytes of one of them at most, where chunks may be as small. */
const RUN_BYTES = 2.5 * 1024 * 1024;

/** Tokens whose sums are added up at once, at most: larger chunks have longer runs. */
export function mostSumTokens({ sumRow, tilePitch }: Pick<Layout, "sumRow" | "tilePitch">): number {
  const group = sumRow * tilePitch * LANES * 4;
  return [512, 256].find((tokens) => (tokens / SUBLANES) * group <= RUN_BYTES) ?? LANES;
}

/** Tokens of such a chunk, of those that are sent as one part. */
export function sumTokensOf(layout: Layout, tokens: number): number {
  return tokens <= LANES ? tokens : greatestCommonDivisor(tokens, mostSumTokens(layout));
}

/** Distances of rows, chunks of sums, and buffers in HBM where rows lie there. */
function rowsBlocks(inHbm: boolean): Blocks {
  const when = (name: string): string => (inHbm ? `${HERE}/rows/${name}` : NO_BLOCK);
  const by = (name: string): string => `${HERE}/rows/${name}_${inHbm ? "hbm" : "vmem"}`;
  return {
    pitches: by("pitches"),
    names: by("names"),
    sum_chunks: when("sum_chunks"),
    hbm_buffers: when("hbm_buffers"),
  };
}

/** What is said of rows by where they lie. */
function rowsTexts({ layer, mesh, kernels }: Plan): Readonly<Record<string, unknown>> {
  const inHbm = rowsInHbm(kernels);
  return {
    runSlots: RUN_SLOTS,
    mostSumTokens: mostSumTokens(layoutOf(layer, inHbm)),
    summedOf: mesh.ep > 1 ? "self.part_tokens" : "self.pass_tokens",
    rowsWhere: inHbm ? "" : " in VMEM",
    shapesIn: inHbm ? "`hbm_buffers` and `scratch`" : "`scratch`",
    restText: inHbm ? "others" : "scratch",
    routesText: inHbm
      ? "Words of one device's routes: entries, weights, offsets and entries by chunk."
      : "Words of one device's routes: entries, weights and offsets.",
    routesEnd: inHbm ? "self.offsets_at + self.count_words" : "self.offsets_at + EXPERT_LANES",
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
    ...rowsBlocks(rowsInHbm(plan.kernels)),
    ...sharedBlocks(plan),
  }),
};
