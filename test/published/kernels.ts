/** VMEM scratch that published kernels declare, from their tiles; see README.md for sources. */
import { paddedBytes } from "../../src/kernel/memory/bytes.ts";

export interface PublishedTiles {
  readonly kernel: "sgl_fused_moe_v1" | "sgl_fused_moe_v2" | "tpu_inference_fused_moe_v1";
  /** Absent: one table for all kinds. */
  readonly device?: "v6e" | "v7x";
  readonly weights: "bfloat16" | "fp8";
  /** T, all devices together. */
  readonly tokens: number;
  readonly E: number;
  readonly k: number;
  readonly D: number;
  readonly F: number;
  readonly ep: number;
  /** A shared expert in the kernel. */
  readonly shared?: boolean;
  /** Tokens are quantised to fp8 as well. */
  readonly act_quant?: boolean;
  readonly bt: number;
  readonly bf: number;
  readonly bd1?: number;
  readonly bd2?: number;
  readonly bts?: number;
  readonly bse?: number;
}

type Shape = readonly number[];

const LANES = 128;
const up = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const f32 = (...shape: Shape): number => paddedBytes(shape, "float32");
const bf16 = (...shape: Shape): number => paddedBytes(shape, "bfloat16");
/** Whole tiles of 32 rows in all of these shapes, so no layout is needed. */
const fp8 = (...shape: Shape): number => shape.reduce((product, size) => product * size, 1);
const weight = ({ weights }: PublishedTiles) => (weights === "fp8" ? fp8 : bf16);
const sum = (bytes: readonly number[]): number => bytes.reduce((total, one) => total + one, 0);

/** Two bfloat16 in a word: rows come as (2, D / 2). */
const PACKING = 2;

/** Token tile after the kernel's own override (`effective_for`). */
function tokenTile({ tokens, ep, bt }: PublishedTiles): number {
  const local = Math.max(1, Math.floor(tokens / ep));
  return gcd(Math.min(bt, local), local);
}

function stageRows(tiles: PublishedTiles): number {
  const bt = tokenTile(tiles);
  return Math.min(tiles.bts ?? bt, bt * tiles.ep);
}

/** `sharedSums`: the shared expert's float32 sums, in the kernel since sglang-jax@869de77c. */
function sglV1(tiles: PublishedTiles, sharedSums: boolean): number {
  const { k, D, ep, bf, bd1 = D, bd2 = D, bse = bf } = tiles;
  const w = weight(tiles);
  const [bt, bts] = [tokenTile(tiles), stageRows(tiles)];
  const received = up(bt * ep, bts);
  const quantBlock = 256;
  const scales =
    tiles.weights === "fp8"
      ? [
          2 * f32(2, PACKING, bd1 / PACKING / quantBlock, 1, bf),
          f32(2, PACKING, bf / quantBlock, 1, bd2 / PACKING),
        ]
      : [];
  const shared = tiles.shared
    ? [
        bf16(2, 2, bt, PACKING, bd1 / PACKING),
        2 * w(2, PACKING, bd1 / PACKING, bse),
        w(2, PACKING, bse, bd2 / PACKING),
        sharedSums ? f32(2, bt, D) : 0,
      ]
    : [];
  return sum([
    bf16(2, k, gcd(bt, 16), PACKING, D / PACKING),
    2 * f32(2, bt, up(k, LANES)),
    bf16(2, bt, D),
    2 * w(2, PACKING, bd1 / PACKING, bf),
    w(2, PACKING, bf, bd2 / PACKING),
    f32(2, received, 1, bf),
    bf16(2, bts, PACKING, bd1 / PACKING),
    bf16(3, bts, PACKING, bd2 / PACKING),
    ...scales,
    ...shared,
  ]);
}

/** With the scaled product: weights are not widened in VMEM. The shared expert has no own tiles. */
function sglV2(tiles: PublishedTiles): number {
  const { E, k, D, ep, bf } = tiles;
  const w = weight(tiles);
  const [bt, bts] = [tokenTile(tiles), stageRows(tiles)];
  const packing = tiles.act_quant ? 4 : PACKING;
  const quantBlock = 128;
  return sum([
    f32(2, ep, 1, up(E, LANES)),
    bf16(2, k, gcd(bt, 16), PACKING, D / PACKING),
    2 * f32(2, bt, up(k, LANES)),
    bf16(2, bt, D),
    2 * w(2, packing, D / packing, bf),
    w(2, PACKING, bf, D / PACKING),
    2 * f32(2, packing, D / packing / quantBlock, 1, bf),
    f32(2, PACKING, bf / quantBlock, 1, D / PACKING),
    2 * f32(bts, bf),
    tiles.act_quant ? fp8(up(bts, 32), D) + f32(bts, LANES) : bf16(bts, PACKING, D / PACKING),
    f32(bts, PACKING, D / PACKING),
    bf16(bts, PACKING, D / PACKING),
  ]);
}

function tpuInferenceV1(tiles: PublishedTiles): number {
  const { E, k, D, ep, bf, bd1 = D, bd2 = D } = tiles;
  const w = weight(tiles);
  const bt = Math.min(tiles.bt, Math.max(1, Math.floor(tiles.tokens / ep)));
  return sum([
    2 * bf16(2, bt * ep, PACKING, D / PACKING),
    bf16(k, bt, PACKING, D / PACKING),
    bf16(2, bt, up(E, LANES)),
    bf16(2, bt, D),
    2 * w(2, PACKING, bd1 / PACKING, bf),
    w(2, PACKING, bf, bd2 / PACKING),
    f32(2, bt * ep, 1, bf),
  ]);
}

/** Bytes of VMEM scratch that the kernel declares; `today`: as it is now, not as it was tuned. */
export function declaredVmem(tiles: PublishedTiles, today = true): number {
  if (tiles.kernel === "sgl_fused_moe_v2") return sglV2(tiles);
  if (tiles.kernel === "tpu_inference_fused_moe_v1") return tpuInferenceV1(tiles);
  // The bfloat16 entries came with the kernel's first version, sglang-jax@ea6c81ac.
  return sglV1(tiles, today || tiles.weights === "fp8");
}
