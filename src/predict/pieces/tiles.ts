/** Tile parameters of sgl-jax's kernels: their own clamps, and a choice where a record has none. */
import { greatestCommonDivisor } from "../../plan/divisors.ts";
import { type Job, tile, tokenShare, weightBytes } from "../job.ts";

export interface FusedTiles {
  /** Own tokens of a pass. */
  readonly bt: number;
  /** Rows of an expert that are loaded at once, and multiplied at once. */
  readonly bts: number;
  readonly btc: number;
  readonly bf: number;
  readonly bd1: number;
  readonly bd2: number;
}

/** A kernel with token tiles outside and experts inside, and what its versions do otherwise. */
export interface TokenTiles {
  readonly job: Job;
  readonly tiles: FusedTiles;
  /** All entries of a tile are looked at for every expert, once, or are sorted before the kernel. */
  readonly dispatch: "scan for each expert" | "scan once" | "sorted";
  /** Experts after which all devices meet, because a row buffer is used again; 0: never. */
  readonly barrierEvery: number;
  /** Two copies are issued for each entry looked at, most of them of size 0. */
  readonly branchless: boolean;
  /** Weights of experts without rows are read as well. */
  readonly readsInactive: boolean;
  /** The first weight tile of the next expert is on its way while this one ends. */
  readonly prefetchesNextExpert: boolean;
}

/** Part of VMEM that two slots of three weight tiles may take where nobody chose the tiles. */
const WEIGHT_SHARE = 0.6;

function divisors(size: number, atMost: number): readonly number[] {
  const found: number[] = [];
  for (let part = 128; part <= Math.min(size, atMost); part += 128) {
    if (size % part === 0) found.push(part);
  }
  return found.length > 0 ? found : [size];
}

/** Tiles that a tuner would find: the longest copies of which two slots fit VMEM. */
function chosen(job: Job): { bf: number; bd: number } {
  const { hidden, intermediate } = job.layer;
  const room = job.device.vmemBytes * WEIGHT_SHARE;
  const bf = divisors(intermediate, 2048).at(-1) ?? intermediate;
  const fits = divisors(hidden, hidden).filter((bd) => 6 * bd * bf * weightBytes(job) <= room);
  return { bf, bd: fits.at(-1) ?? divisors(hidden, hidden)[0] ?? hidden };
}

/** Tiles of sgl-jax's fused kernels: what is given, clamped as they do, or a choice. */
export function fusedTiles(job: Job): FusedTiles {
  const share = tokenShare(job);
  const otherwise = chosen(job);
  const wanted = Math.min(tile(job, "bt", Math.min(share, 128)), share);
  const bt = greatestCommonDivisor(wanted, share);
  const mean = Math.ceil((bt * job.ep * job.layer.topK) / job.layer.experts);
  // A record that names bt alone ran with bts = bt, as the kernel does.
  const named = typeof job.tiles.bt === "number";
  const rows = tile(job, "bts", named ? bt : 2 ** Math.ceil(Math.log2(Math.max(8, mean))));
  const bts = Math.max(1, Math.min(rows, bt * job.ep));
  return {
    bt,
    bts,
    btc: Math.min(tile(job, "btc", Math.min(bts, 128)), bts),
    bf: Math.min(tile(job, "bf", otherwise.bf), job.layer.intermediate),
    bd1: Math.min(tile(job, "bd1", otherwise.bd), job.layer.hidden),
    bd2: Math.min(tile(job, "bd2", otherwise.bd), job.layer.hidden),
  };
}
