/** A sweep on a Ray cluster is a sweep: the same records, and a retry for what the cluster loses. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judge } from "../../src/check/judge.ts";
import { loadSpec } from "../../src/dsl/load.ts";
import {
  Cluster,
  CompileCache,
  parseCluster,
  requirePython,
  validateOn,
} from "../../src/runner/index.ts";
import { inCrowd } from "../../src/runner/ray/crowd.ts";
import type { ValidateResult } from "../../src/runner/types.ts";
import { schedules } from "../../src/schedule/registry.ts";
import type { Crew } from "../../src/sweep/crew.ts";
import { proveSurvivors } from "../../src/sweep/prove.ts";
import type { SweepRecord } from "../../src/sweep/record.ts";
import { sweepSpec } from "../../src/sweep/run.ts";
import { Store } from "../../src/sweep/store.ts";
import { devices } from "../../src/target/device/registry.ts";
import { emptyFolder, moegen, onlyObject, qwen, root } from "../cli/moegen.ts";
import { until } from "../cli/processes.ts";
import { faulty } from "./faulty.ts";
import { faultyFiles } from "./nodes.ts";

const installed = existsSync(join(requirePython(root).python, "..", "ray"));
/** Every candidate meets a worker. */
const SCOPE = {
  ...{ tiles: { bt: [16, 32, 48, 64, 80, 96] }, devices: ["v6e"], buckets: ["decode"] },
  exhaustive: true,
};

/** What does not depend on where and when. */
function facts({ seconds: _, machine: __, ...rest }: SweepRecord) {
  return rest;
}

const byKey = (records: readonly SweepRecord[]) =>
  records.map(facts).sort((a, b) => (a.key < b.key ? -1 : 1));

describe.runIf(installed)("moegen sweep --on ray", () => {
  const faults = join(tmpdir(), `moegen-faults-${process.pid}`);
  const before = { ...process.env };
  let cluster: Cluster;

  beforeAll(async () => {
    mkdirSync(faults);
    // Workers of a cluster have the settings of the process that made it.
    process.env.MOEGEN_TEST_FAULTS = faults;
    process.env.RAY_ADDRESS = "local";
    cluster = await Cluster.connect({ cpus: 2, cwd: root, files: faultyFiles() });
  });
  afterAll(async () => {
    process.env = before;
    await cluster?.close();
  });

  const sweep = async (names: readonly string[], store = Store.open(join(emptyFolder(), "s"))) => {
    for (const name of names) writeFileSync(join(faults, name), "");
    const { spec } = await loadSpec(qwen);
    return sweepSpec(spec, store, {
      ...{ ...SCOPE, timeout: 2 },
      crew: (of, work) => cluster.crew(of, work),
    });
  };

  it("gives the records that this machine's workers give, and says where each was compiled", async () => {
    const there = await sweep([]);
    const { spec } = await loadSpec(qwen);
    Object.assign(process.env, faulty(emptyFolder(), []));
    const here = await sweepSpec(spec, Store.open(join(emptyFolder(), "h")), { ...SCOPE, jobs: 1 });
    delete process.env.MOEGEN_PYTHON;
    process.env.MOEGEN_TEST_FAULTS = faults;
    expect(there.workers).toBe(2);
    expect(byKey(there.records)).toEqual(byKey(here.records));
    expect(there.records.every(({ machine }) => machine !== undefined)).toBe(true);
    expect(here.records.every(({ machine }) => machine === undefined)).toBe(true);
  });

  it("keeps nothing of a node's compiler as this machine's", async () => {
    const { spec } = await loadSpec(qwen);
    const cache = new CompileCache(join(emptyFolder(), "c"));
    const crew: Crew = (of, work) => cluster.crew(of, work);
    await sweepSpec(spec, Store.open(join(emptyFolder(), "s")), { ...SCOPE, cache, crew });
    expect(cache.size().entries).toBe(0);
  });

  it("makes again elsewhere what a kill or a full disk takes, and counts no failure", async () => {
    const store = Store.open(join(emptyFolder(), "s"));
    const { progress } = await sweep(["kill", "term", "disk"], store);
    expect(progress).toMatchObject({ done: 6, compiled: 6 });
    expect(progress.failures).toEqual({});
    expect(readdirSync(faults)).toEqual([]);
    // A second driver has nothing left to do.
    expect((await sweep([], Store.open(store.folder))).progress).toMatchObject({ known: 6 });
  });

  it("proves what compiled on its workers, which this machine's own would judge alike", async () => {
    const store = Store.open(join(emptyFolder(), "s"));
    const { records } = await sweep([], store);
    const loaded = await loadSpec(qwen);
    writeFileSync(join(faults, "lose-validate"), "");
    const crew: Crew = (of, work) => cluster.crew(of, work);
    const there = await proveSurvivors(loaded, store, records, { crew });
    expect(readdirSync(faults)).toEqual([]);
    expect(there.left).toBe(0);
    Object.assign(process.env, faulty(emptyFolder(), []));
    const own = Store.open(join(emptyFolder(), "h"));
    const here = await proveSurvivors(loaded, own, records, {});
    delete process.env.MOEGEN_PYTHON;
    process.env.MOEGEN_TEST_FAULTS = faults;
    expect(byKey(there.records)).toEqual(byKey(here.records));
    expect(there.records.every((record) => "numerics" in record)).toBe(true);
  });

  it("asks again for the cases alone that a lost worker had not done", async () => {
    const loaded = await loadSpec(qwen);
    const { spec } = loaded;
    const { plan } = judge(spec, { schedules, devices });
    if (plan === undefined) throw new Error("the example has a plan");
    writeFileSync(join(faults, "lose-later"), "");
    const cases = ["uniform", "hot-expert", "odd"];
    let result: ValidateResult | undefined;
    await cluster.crew({ ep: spec.mesh.ep, most: 1 }, async (station) => {
      result = await validateOn(station, loaded, plan, { cases });
    });
    expect(readdirSync(faults)).toEqual([]);
    expect(result?.ok).toBe(true);
    expect(result?.cases.map((one) => one.case)).toEqual(cases);
  });

  it("ends a worker that hangs or crashes of itself, at the cost of its candidate", async () => {
    const { progress } = await sweep(["hang", "abort"]);
    expect(progress).toMatchObject({ done: 6, failures: { timeout: 1, crash: 1 } });
  });

  it("leaves no worker and no folder behind", async () => {
    const { progress } = await sweep([]);
    expect(progress.done).toBe(6);
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("moegen-station-"));
    expect(await until(() => left().length === 0)).toBe(true);
  });
});

describe("without Ray", () => {
  it.each([
    ["ray", {}],
    ["ray:10.0.0.2:6379", { address: "10.0.0.2:6379" }],
    ["ray:ray://head:10001", { address: "ray://head:10001" }],
    ["ssh:ray", null],
    ["rays", null],
  ])("%s names %o", (text, found) => {
    expect(parseCluster(text)).toEqual(found);
  });

  it.each(["ray:", "ray: x", "ray:--head"])("%o is no address", (text) => {
    expect(() => parseCluster(text)).toThrow("wanted ray or ray:ADDRESS");
  });

  it.runIf(installed)(
    "an address where nobody listens is said at once: Ray asks for minutes",
    async () => {
      const args = ["sweep", qwen, "--tiles", "bt=64,128", "--on", "ray:127.0.0.1:1", "--json"];
      const ran = await moegen([...args, "--store", "s"], { cwd: emptyFolder() });
      expect(ran.code).toBe(69);
      expect(onlyObject(ran)).toMatchObject({
        error: {
          code: "no-cluster",
          message: expect.stringContaining("127.0.0.1:1 is not reached"),
        },
      });
    },
  );

  it("is said with the fix, and before anything is compiled", async () => {
    const cwd = emptyFolder();
    const python = join(cwd, "python");
    const real = requirePython(root).python;
    writeFileSync(python, `#!/bin/sh\nexec "${real}" -S "$@"\n`, { mode: 0o755 });
    const args = ["sweep", qwen, "--tiles", "bt=64,128", "--on", "ray", "--store", "s", "--json"];
    const ran = await moegen(args, { cwd, env: { MOEGEN_PYTHON: python } });
    expect(ran.code).toBe(69);
    const fix = "moegen doctor --fix --ray";
    expect(onlyObject(ran)).toMatchObject({ error: { code: "no-ray", fix } });
  });
});

describe("a crowd", () => {
  it("grows with its room, begins nothing once one is done, and waits for the rest", async () => {
    const watchers = new Set<() => void>();
    const ends: (() => void)[] = [];
    let size = 1;
    const { signal } = new AbortController();
    const crowd = inCrowd({ size: () => size, watchers, signal }, () => {
      return new Promise<void>((resolve) => ends.push(resolve));
    });
    expect(ends).toHaveLength(1);
    size = 3;
    for (const watcher of watchers) watcher();
    expect(ends).toHaveLength(3);
    for (const end of ends) end();
    expect(await crowd).toBe(3);
    expect(watchers.size).toBe(0);
  });

  it("stops the others where one fails, and all where it is told to", async () => {
    const failing = inCrowd(
      { size: () => 2, watchers: new Set(), signal: new AbortController().signal },
      (signal) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) resolve();
          signal.addEventListener("abort", () => resolve());
          setTimeout(() => reject(new Error("one")), 5);
        }),
    );
    await expect(failing).rejects.toThrow("one");
    const stop = new AbortController();
    const room = { size: () => 0, watchers: new Set<() => void>(), signal: stop.signal };
    const waiting = inCrowd(room, async () => {});
    stop.abort(new Error("told"));
    await expect(waiting).rejects.toThrow("told");
  });
});
