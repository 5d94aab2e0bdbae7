/** Sweeps of one spec's candidates on this machine and on a cluster, and what is the same of two. */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSpec } from "../../../src/dsl/load.ts";
import { root } from "../../../src/house/paths.mjs";
import { Cluster } from "../../../src/runner/index.ts";
import type { SweepRecord } from "../../../src/sweep/record.ts";
import { type SweepResult, sweepSpec } from "../../../src/sweep/run.ts";
import { Store } from "../../../src/sweep/store.ts";
import { chooseWinners } from "../../../src/sweep/winners.ts";
import { faulty } from "../faulty.ts";
import { faultyFiles } from "../nodes.ts";

export const SPEC = join(root, "examples", "qwen3-30b-a3b.moe.ts");

/** Row tiles 16, 32 and so on. */
const steps = (count: number) => Array.from({ length: count }, (_, at) => 16 * (at + 1));

/** 8 candidates for each row tile; a worker is asked for every one. */
export const scopeOf = (rowTiles: number) => ({
  tiles: { bt: steps(rowTiles), bf: [128, 256, 384, 768], bd: [1024, 2048] },
  ...{ devices: ["v6e"], buckets: ["decode"], timeout: 5, exhaustive: true },
});

export type Scope = ReturnType<typeof scopeOf>;

/** A folder of this run, and in it one of the faults that workers have. */
export const folder = mkdtempSync(join(tmpdir(), "moegen-many-"));
export const faults = join(folder, "faults");
mkdirSync(faults);
process.env.MOEGEN_TEST_FAULTS = faults;

let stores = 0;
export const newStore = (): Store => Store.open(join(folder, `s${stores++}`));

/** Records without where and when, in one order. */
export function factsOf(records: readonly SweepRecord[]): string {
  const plain = records.map(({ seconds: _, machine: __, ...rest }) => JSON.stringify(rest));
  return plain.sort().join("\n");
}

/** The tiles that won. */
export const winnersOf = (records: readonly SweepRecord[]): string =>
  JSON.stringify(chooseWinners(records).winners.map(({ bucket, tiles }) => ({ bucket, tiles })));

/** Workers of this machine without Ray, which need no compiler. */
export async function onThisMachine(scope: Scope, jobs = 2): Promise<SweepResult> {
  const { spec } = await loadSpec(SPEC);
  Object.assign(process.env, faulty(folder, []));
  try {
    return await sweepSpec(spec, newStore(), { ...scope, jobs });
  } finally {
    delete process.env.MOEGEN_PYTHON;
  }
}

/** The same workers on a cluster; `midway` hears how many are done. */
export async function onCluster(
  address: string | undefined,
  scope: Scope,
  store: Store,
  midway: (done: number) => void = () => {},
): Promise<SweepResult> {
  const { spec } = await loadSpec(SPEC);
  const where = address === undefined ? { cpus: 2 } : { address };
  const cluster = await Cluster.connect({ ...where, cwd: root, files: faultyFiles() });
  try {
    return await sweepSpec(
      spec,
      store,
      { ...scope, crew: (of, work) => cluster.crew(of, work) },
      (event) => event.event === "record" && midway(event.progress.done),
    );
  } finally {
    await cluster.close();
  }
}

/** Until the cluster has so many processors: a node takes its time to be there. */
export async function withProcessors(address: string, wanted: number): Promise<void> {
  const cluster = await Cluster.connect({ address, cwd: root });
  try {
    const found = () => cluster.nodes.reduce((sum, { cpus }) => sum + cpus, 0);
    while (found() < wanted) await new Promise((resolve) => setTimeout(resolve, 500));
  } finally {
    await cluster.close();
  }
}

/** Calls `act` once, when so many candidates are done. */
export function when(count: number, act: () => void): (done: number) => void {
  let acted = false;
  return (done) => {
    if (acted || done < count) return;
    acted = true;
    act();
  };
}

/** A sweep in a few words. */
export const told = ({ progress, workers }: SweepResult): string =>
  `${progress.done} candidates, ${progress.known} known, ${progress.compiled} compiled, ` +
  `${workers} workers, failures ${JSON.stringify(progress.failures)}, ` +
  `${progress.seconds.toFixed(1)} s`;
