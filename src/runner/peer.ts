/** Another project's kernel through its adapter file and the real TPU compiler. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../house/paths.mjs";
import type { LayerSpec } from "../spec/layer.ts";
import type { Device } from "../target/device/device.ts";
import { withWorker } from "./local.ts";
import type { RunnerOptions, ScheduleProfile } from "./types.ts";

/** Of processor time: a large unrolled kernel takes minutes. */
const PEER_SECONDS = 1800;

/** Where `npm run peers` puts the packages of the comparison. */
const peerPackages = join(root, ".peers");

export interface PeerCase {
  readonly device: Device;
  readonly layer: LayerSpec;
  readonly ep: number;
  /** T, all devices together, and the rows that each expert then has. */
  readonly tokens: number;
  readonly rows: number;
}

export interface CompiledPeer {
  readonly name: string;
  /** Of the packages that the adapter names; null: not installed under that name. */
  readonly versions: Readonly<Record<string, string | null>>;
  readonly note: string;
  readonly tiles: string;
  readonly bundles: number;
  readonly stages: readonly {
    readonly name: string;
    readonly trips: number;
    readonly loops: readonly number[];
  }[];
  readonly profile: ScheduleProfile;
  readonly seconds: number;
}

/**
 * One worker for all cases of one adapter; what a case raises is given to `onResult`. Throws the
 * reason of an abort, EnvironmentError without Python.
 */
export async function compilePeer(
  adapter: string,
  cases: readonly PeerCase[],
  options: RunnerOptions,
  onResult: (of: PeerCase, result: CompiledPeer | Error) => void,
): Promise<void> {
  const packages = existsSync(peerPackages) ? [peerPackages] : [];
  const most = Math.max(...cases.map(({ ep }) => ep));
  await withWorker({ ...options, ep: most, packages }, async ({ worker }) => {
    for (const one of cases) {
      const { layer, ep, tokens, rows, device } = one;
      const params = {
        adapter,
        slices: device.topologies,
        layer: {
          experts: layer.experts,
          top_k: layer.topK,
          hidden: layer.hidden,
          intermediate: layer.intermediate,
          dtype: layer.dtype,
          activation: layer.activation,
          ...{ ep, tokens, rows },
        },
      };
      try {
        const timeout = options.timeout ?? PEER_SECONDS;
        onResult(one, await worker.request<CompiledPeer>("peer", params, { timeout }));
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        onResult(one, error);
      }
    }
  });
}
