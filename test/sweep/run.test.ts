import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { requirePython } from "../../src/runner/index.ts";
import { sweepSpec } from "../../src/sweep/run.ts";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, qwen, root } from "../cli/moegen.ts";

const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

it("counts each record that a full disk does not take, and goes on", async () => {
  const cwd = emptyFolder();
  const python = join(cwd, "python");
  const worker = join(root, "test", "sweep", "faulty_worker.py");
  writeFileSync(python, `#!/bin/sh\nexec "${requirePython(root).python}" "${worker}"\n`);
  chmodSync(python, 0o755);
  mkdirSync(join(cwd, "faults"));
  process.env.MOEGEN_PYTHON = python;
  process.env.MOEGEN_TEST_FAULTS = join(cwd, "faults");
  const { spec } = await loadSpec(qwen);
  const store = Store.open(join(cwd, "s"), { file: "/dev/full" });
  const { progress, records } = await sweepSpec(spec, store, {
    ...{ tiles: { bt: [16, 32, 64] }, devices: ["v6e"], buckets: ["decode"], jobs: 1 },
  });
  expect(progress).toMatchObject({ done: 3, failures: { disk: 3 } });
  expect(records.every(({ status }) => status === "dropped")).toBe(true);
});
