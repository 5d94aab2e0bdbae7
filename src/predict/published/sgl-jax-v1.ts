import { type Job, localExperts, rowBytes } from "../job.ts";
import { type FusedTiles, fusedTiles, type TokenTiles } from "../pieces/tiles.ts";
import { tokenTileSteps } from "../pieces/token-tiles.ts";
import type { Published } from "./published.ts";

/** Part of HBM that the kernel gives its row buffers (`_A2A_HBM_FRACTION`). */
const BUFFER_SHARE = 0.03;

/** Experts whose rows have a buffer at once: after so many all devices meet. */
function buffers(job: Job, tiles: FusedTiles): number {
  const each = 2 * tiles.bt * job.ep * rowBytes(job);
  const room = Math.floor((job.device.hbmBytes * BUFFER_SHARE) / each);
  return Math.min(localExperts(job), Math.max(2, room));
}

/**
 * Versions differ in how rows are found: until spring 2026 every expert's dispatch looked at all
 * entries of the tile; since pull request 1021 one pass over them does for all experts if their
 * buffers fit. A feature branch of March 2026 sorted the rows before the kernel. Until April 2026 all
 * devices met after every expert.
 */
function versionOf(job: Job, tiles: FusedTiles): Pick<TokenTiles, "dispatch" | "barrierEvery"> {
  const held = buffers(job, tiles);
  const { dispatch, barriers } = job.tiles;
  if (dispatch === "sorted") return { dispatch, barrierEvery: 0 };
  const every = held < localExperts(job) ? held : 0;
  if (dispatch === "scan for each expert") {
    return { dispatch, barrierEvery: barriers === "every expert" ? 1 : every };
  }
  return every === 0
    ? { dispatch: "scan once", barrierEvery: 0 }
    : { dispatch: "scan for each expert", barrierEvery: every };
}

export const sglJaxV1: Published = {
  name: "sgl-jax-v1",
  title: "sgl-jax fused MoE v1",
  about:
    "one copy a routed row out, a run for each expert and device back; weights read again for each token tile",
  source:
    "sgl-project/sglang-jax@cddbf6f1 python/sgl_jax/srt/kernels/fused_moe/v1/kernel.py; primatrix/sglang-jax@d53725cb48fa (before pull request 1021)",
  records: /^(sgl|sglang)[-_ ]?(jax)?[-_ ]?(fused_?moe)?[-_ ]?v1/i,
  reads: ["bt", "bts", "btc", "bf", "bd1", "bd2", "dispatch", "barriers"],
  steps(job) {
    const tiles = fusedTiles(job);
    return tokenTileSteps({
      job,
      tiles,
      ...versionOf(job, tiles),
      branchless: false,
      readsInactive: false,
      prefetchesNextExpert: true,
    });
  },
};
