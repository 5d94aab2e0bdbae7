/** Three raylets: one that is switched off in the middle, one that comes late (`npm run sweep:ray` has more). */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { Cluster, requirePython } from "../../src/runner/index.ts";
import { kindOfHost, timeFinalists } from "../../src/sweep/clock.ts";
import type { Crew } from "../../src/sweep/crew.ts";
import { FINALISTS } from "../../src/sweep/objectives.ts";
import type { SweepRecord } from "../../src/sweep/record.ts";
import { sweepSpec } from "../../src/sweep/run.ts";
import { Store } from "../../src/sweep/store.ts";
import { chooseWinners } from "../../src/sweep/winners.ts";
import { emptyFolder, qwen, root } from "../cli/moegen.ts";
import { until } from "../cli/processes.ts";
import { faulty } from "./faulty.ts";
import { faultyFiles, type Nodes, type StartedNode, startNodes } from "./nodes.ts";

const installed = existsSync(join(requirePython(root).python, "..", "ray"));
/** A worker is asked for every candidate. */
const SCOPE = {
  ...{ tiles: { bt: [16, 32, 48, 64, 80, 96] }, devices: ["v6e"], buckets: ["decode"] },
  exhaustive: true,
};

const factsOf = (records: readonly SweepRecord[]) =>
  records
    .map(({ seconds: _, machine: __, ...rest }) => rest)
    .sort((a, b) => (a.key < b.key ? -1 : 1));

describe.runIf(installed)("a cluster of several nodes", () => {
  const faults = join(tmpdir(), `moegen-nodes-${process.pid}`);
  const gate = join(faults, "gate");
  const before = { ...process.env };
  const atGate = () => readdirSync(faults).filter((name) => name.startsWith("at-gate")).length;
  let nodes: Nodes;
  let first: StartedNode;
  let cluster: Cluster;

  beforeAll(async () => {
    mkdirSync(faults);
    process.env.MOEGEN_TEST_FAULTS = faults;
    nodes = await startNodes(0);
    first = await nodes.add({ CPU: 1 });
    cluster = await Cluster.connect({ address: nodes.address, cwd: root, files: faultyFiles() });
  });
  afterAll(async () => {
    process.env = before;
    await cluster?.close();
    await nodes?.stop();
    rmSync(faults, { recursive: true, force: true });
  });

  it("gives work to one that comes late, and takes back what one had that is switched off", async () => {
    const { spec } = await loadSpec(qwen);
    writeFileSync(gate, "");
    const store = Store.open(join(emptyFolder(), "s"));
    const swept = sweepSpec(spec, store, { ...SCOPE, crew: (of, work) => cluster.crew(of, work) });
    // Each stands at a candidate: the node that was there, then the one that comes.
    expect(await until(() => atGate() === 1)).toBe(true);
    await nodes.add({ CPU: 1 });
    expect(await until(() => atGate() === 2)).toBe(true);
    first.kill();
    rmSync(gate);
    const there = await swept;
    expect(there.workers).toBe(2);
    expect(there.progress).toMatchObject({ done: 6, compiled: 6 });
    expect(there.progress.failures).toEqual({});
    Object.assign(process.env, faulty(emptyFolder(), []));
    const here = await sweepSpec(spec, Store.open(join(emptyFolder(), "h")), { ...SCOPE, jobs: 2 });
    expect(factsOf(there.records)).toEqual(factsOf(here.records));
  });

  it("times finalists alone, and those on a slice alone", async () => {
    delete process.env.MOEGEN_PYTHON;
    process.env.MOEGEN_TEST_FAULTS = faults;
    const resources = { CPU: 0, TPU: 4, "TPU-v6e-4-head": 1 };
    await nodes.add(resources, { MOEGEN_TEST_TPU: "TPU v6 lite" });
    const slice = () => cluster.nodes.find((node) => node.resources.TPU === 4);
    expect(await until(() => slice() !== undefined)).toBe(true);
    const node = slice();
    if (node === undefined) return;
    const loaded = await loadSpec(qwen);
    const store = Store.open(join(emptyFolder(), "s"));
    const swept = await sweepSpec(loaded.spec, store, {
      ...{ ...SCOPE, crew: (of, work) => cluster.crew(of, work) },
    });
    const host = { kind: "ray", cluster, node } as const;
    const crew: Crew = (of, work) => cluster.crew(of, work);
    const ahead = { crew, devices: 4 };
    const options = { host, backend: "tpu", warmup: 1, repetitions: 3, ahead } as const;
    writeFileSync(join(faults, "no-entry"), "");
    expect(await kindOfHost(options, ["v6e"])).toBe("v6e");
    const timed = await timeFinalists(loaded, store, swept.records, "v6e", options);
    const found = timed.flatMap((record) => (record.status === "ok" ? [record] : []));
    const finalists = found.filter(({ deviceTime }) => deviceTime);
    expect(finalists).toHaveLength(FINALISTS);
    for (const { deviceTime } of finalists) {
      expect(deviceTime).toMatchObject({ host: node.host, slice: "v6e-4" });
      expect(deviceTime?.libtpu).toMatch(/^\d/);
      expect(deviceTime?.paired).toBeGreaterThan(0);
    }
    // One could not be compiled ahead; the slice compiled it.
    expect(finalists.map(({ deviceTime }) => deviceTime?.compiled).sort()).toEqual([
      ...["ahead", "ahead", "ahead", "there"],
    ]);
    // On this TPU more rows are quicker, whatever was predicted: the slice's word counts.
    const [winner] = chooseWinners(timed).winners;
    const most = Math.max(...finalists.map(({ tiles }) => tiles.bt));
    expect(winner?.tiles.bt).toBe(most);
  });
});
