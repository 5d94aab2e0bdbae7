/** Sizes of one call, as `Shape` in the generated kernel has them. */
import { rowMultiple } from "../../kernel/feed-forward/rules.ts";
import type { KernelInput, Sizes } from "../../kernel/frame.ts";
import { GROUP, UNROLL } from "../../kernel/loops.ts";
import { LANES, type Layer, roundUp } from "../../kernel/rows/layout.ts";
import type { Plan } from "../../plan/plan.ts";
import { deviceLayer, localExperts } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { devicesOf, type MeshSpec } from "../../spec/mesh.ts";
import { wordsOf } from "./words.ts";

/** What a round has room for, in percent of what a device has of all entries on average. */
const ROUND_PERCENT = { few: 200, many: 150 } as const;
/** Up to so many devices, each with so many experts, one rarely has much more than the others. */
const MANY = { devices: 8, experts: 16 } as const;
/** Least entries of a round. */
export const LEAST_ROUND = 64;
/** Most entries of a round: their lists fit SMEM. */
export const MOST_ROUND = 65_536;
/** Bits of an entry by token that its row's place has; its token's in the block stands above. */
export const PLACE_BITS = 23;
/** Tokens whose sums may be at hand at a time, the most first. */
const SUM_BLOCKS = [256, 128, 64, 32, 16] as const;
/** Bytes that two blocks' results may take, each token's all at once. */
const BROUGHT = 32 * 1024 * 1024;

/** Tiles of F of one expert, each a step of its weights. */
export function partsOf({ layer, tiles }: Pick<KernelInput, "layer" | "tiles">): number {
  return layer.intermediate / tiles.bf;
}

/** The plan as parts see it whose code is for whole experts: a tile of F is as one with fewer columns. */
export function asWhole(plan: Plan): Plan {
  const kernels = plan.kernels.map((kernel) => {
    return { ...kernel, tiles: { ...kernel.tiles, streamed: false } };
  });
  return { ...plan, kernels };
}

/** The plan as parts see it whose code is for one device's columns of an expert. */
export function onDevice(plan: Plan): Plan {
  return { ...plan, layer: deviceLayer(plan.layer, plan.mesh) };
}

/** Rows of one round on one device. */
export interface Round {
  /** T in whole shares of the devices. */
  readonly allTokens: number;
  readonly entries: number;
  /** Rows: each expert's in whole groups. */
  readonly rows: number;
}

/** Percent of a device's average that a round has room for: XLA moves rows for all of it. */
export function roundPercent(experts: number, ep: number): number {
  const many = ep <= MANY.devices && localExperts({ experts }, ep) >= MANY.experts;
  return many ? ROUND_PERCENT.many : ROUND_PERCENT.few;
}

/** What a round has room for at T tokens. */
export function roundOf(
  layer: Pick<LayerSpec, "topK" | "experts" | "quantization" | "wire">,
  mesh: Pick<MeshSpec, "ep" | "tp">,
  tokens: number,
): Round {
  const { ep } = mesh;
  const { topK, experts } = layer;
  const group = rowMultiple(layer);
  const allTokens = roundUp(tokens, devicesOf(mesh));
  const all = allTokens * topK;
  const percent = roundPercent(experts, ep);
  const share = Math.max(Math.ceil((percent * all) / (100 * ep)), LEAST_ROUND);
  const entries = Math.min(all, share, MOST_ROUND);
  const padding = Math.min(localExperts({ experts }, ep), entries) * (group - 1);
  return { allTokens, entries, rows: roundUp(entries + padding, group) };
}

/** Tokens whose sums are at hand at a time, at most. */
export function mostSummed(layer: Layer): number {
  const row = 4 * LANES * wordsOf(layer).row;
  return SUM_BLOCKS.find((block) => 2 * block * layer.topK * row <= BROUGHT) ?? GROUP;
}

/** The same at T tokens of all devices. */
export function summedAtOnce(layer: Layer, allTokens: number): number {
  return Math.min(mostSummed(layer), roundUp(allTokens, UNROLL));
}

/** The same for the parts: one pass, in which a device has all tokens' rows. */
export function sizesOf(devices: number, tokens: number): Sizes {
  const deviceShare = Math.ceil(tokens / devices);
  const allTokens = devices * deviceShare;
  return {
    tokens,
    deviceShare,
    passes: 1,
    passTokens: deviceShare,
    sentTokens: deviceShare,
    allTokens,
    routedTokens: deviceShare,
    sources: devices,
    laneTokens: roundUp(allTokens, LANES),
    lists: 1,
    listTokens: deviceShare,
    chunk: GROUP,
    // XLA keeps lists of its own.
    choiceStride: 0,
    weightsAt: 0,
    offsetsAt: 0,
    routeWords: 0,
  };
}
