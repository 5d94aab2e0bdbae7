/**
 * Finalists compiled on processors before a slice is asked for: as entries of JAX's own cache, which the
 * slice takes where its JAX reckons the same key. They go from one worker to another and are kept nowhere.
 */
import { emitPackage } from "../emit/index.ts";
import { workerLayer } from "../runner/layer.ts";
import type { CacheEntry, TimedKernel } from "../runner/time.ts";
import { devicesOf } from "../spec/mesh.ts";
import { deviceOf } from "../target/device/registry.ts";
import type { Crew } from "./crew.ts";

/** Of processor time: the slowest kernels take some two minutes. */
const ENTRY_SECONDS = 1200;

export interface Ahead {
  /** Processors of the same cluster, whose JAX and libtpu are the slice's. */
  readonly crew: Crew;
  /** Of the whole slice: which of the kind's topologies it is. */
  readonly devices: number;
}

/**
 * One for each kernel, in their order; undefined where there is none: no such slice is known, or its
 * worker refused or was lost. Then the slice compiles. Throws the reason of an abort.
 */
export async function entriesOf(
  kernels: readonly TimedKernel[],
  device: string,
  { crew, devices }: Ahead,
  signal: AbortSignal,
): Promise<readonly (CacheEntry | undefined)[]> {
  const [first] = kernels;
  const topology = deviceOf(device).topologies.find((slice) => slice.devices === devices)?.name;
  if (first === undefined || topology === undefined) return kernels.map(() => undefined);
  const found: (CacheEntry | undefined)[] = kernels.map(() => undefined);
  const queue = [...kernels.entries()];
  const ep = devicesOf(first.plan.mesh);
  await crew({ ep, most: queue.length, signal, runs: true }, async ({ worker }) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [number, { plan, tokens }] = next;
      const files = Object.fromEntries(await emitPackage(plan));
      const layer = workerLayer(plan);
      const params = { name: plan.name, files, layer, tokenAxes: plan.mesh.tokenAxes, tokens };
      try {
        const asked = { ...params, topology, number };
        const limits = { timeout: ENTRY_SECONDS };
        found[number] = (await worker.request<{ entry: CacheEntry }>("ahead", asked, limits)).entry;
      } catch {
        signal.throwIfAborted();
      }
    }
  });
  return found;
}
