/** The calls of a kernel, by kind. */
import type { BucketRows } from "../spec/schedule.ts";
import type { ByNeed, KernelPlan, PallasCall, Plan } from "./plan.ts";

/** The Pallas calls alone, in order. */
export function pallasCalls({ calls }: Pick<KernelPlan, "calls">): readonly PallasCall[] {
  return calls.filter((call) => call.kind === "pallas");
}

/** All Pallas calls of a kernel as one: their buffers, copies, semaphores and stages in order. */
export function allOf(
  kernel: Pick<KernelPlan, "calls">,
): Pick<PallasCall, "buffers" | "streams" | "semaphores" | "stages"> {
  const calls = pallasCalls(kernel);
  return {
    buffers: calls.flatMap(({ buffers }) => buffers),
    streams: calls.flatMap(({ streams }) => streams),
    semaphores: calls.flatMap(({ semaphores }) => semaphores),
    stages: calls.flatMap(({ stages }) => stages),
  };
}

/** Token rows lie in HBM with their sums, or with what these are made of. */
export function withSums(rows: BucketRows | undefined): boolean {
  return rows === "hbm with sums" || rows === "hbm with results";
}

/** Token rows lie in HBM, with their sums or without. */
export function inHbm(rows: BucketRows | undefined): boolean {
  return rows === "hbm" || withSums(rows);
}

/** Where token rows lie, and to whom they go. */
export interface Held {
  readonly rows?: BucketRows | undefined;
  readonly byNeed?: ByNeed | undefined;
}

/**
 * Lists of routed entries lie in HBM too, and come to SMEM for a block of rows at a time: where rows go by need
 * the scalar unit walks through all of them.
 */
export function listsInHbm({ rows, byNeed }: Held): boolean {
  return withSums(rows) && byNeed === undefined;
}

/** The same in every kernel of a package, or in none. */
export function planListsInHbm(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => listsInHbm(tiles));
}

/** The same in every kernel of a package, or in none. */
export function rowsInHbm(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => inHbm(tiles.rows));
}

/** The sums of token rows lie in HBM as well, in every kernel of a package or in none. */
export function sumsInHbm(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => withSums(tiles.rows));
}

/** There they are made of results of all entries, in every kernel of a package or in none. */
export function resultsInHbm(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => tiles.rows === "hbm with results");
}

/** Rows of two passes are here at a time. */
export function holdsTwo(rows: BucketRows | undefined): boolean {
  return rows !== undefined && rows !== "vmem";
}

/** The same in every kernel of a package, or in none; where rows go by need one pass is here at a time. */
export function holdsTwoPasses(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => tiles.byNeed === undefined && holdsTwo(tiles.rows));
}

/** To whom token rows go of those that need them, in every kernel of a package; undefined: to all. */
export function goByNeed(kernels: readonly KernelPlan[]): ByNeed | undefined {
  return kernels.find(({ tiles }) => tiles.byNeed !== undefined)?.tiles.byNeed;
}

/**
 * Rows and sums in HBM that go where they are needed: a block of rows waits for those devices' rows alone that it has
 * some of, and whose rows are through have their sums back beside the blocks that follow.
 */
export function goesByBlock({ rows, byNeed }: Held, ep: number): boolean {
  return rows === "hbm with sums" && byNeed !== undefined && ep > 1;
}

/** The same in every kernel of a package, or in none. */
export function planGoesByBlock({ mesh, kernels }: Pick<Plan, "mesh" | "kernels">): boolean {
  return kernels.some(({ tiles }) => goesByBlock(tiles, mesh.ep));
}

/** Token rows go to all devices, perhaps through others: copies follow a table. */
export function isRelayed({ mesh, kernels }: Pick<Plan, "mesh" | "kernels">): boolean {
  return mesh.ep > 1 && goByNeed(kernels) === undefined;
}

/** Rows of one pass may come while the experts take those of another: one device has none to wait for. */
export function passesMayOverlap({ mesh, kernels }: Pick<Plan, "mesh" | "kernels">): boolean {
  return mesh.ep > 1 && holdsTwoPasses(kernels);
}

/** Weights come in tiles in every kernel of a package, or in none: one body serves them all. */
export function isStreamed(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => tiles.streamed);
}
