import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../src/house/paths.mjs";
import { requirePython } from "../../src/runner/index.ts";

/** A Python that runs the faulty worker, and a folder of faults that it will have. */
export function faulty(cwd: string, faults: readonly string[]) {
  const python = join(cwd, "python");
  const worker = join(root, "test", "sweep", "faulty_worker.py");
  const real = requirePython(root).python;
  // The one who is in a cluster for us has no faults.
  const cluster = `case "$*" in *moegen_worker.cluster) exec "${real}" "$@";; esac`;
  writeFileSync(python, `#!/bin/sh\n${cluster}\nexec "${real}" "${worker}"\n`);
  chmodSync(python, 0o755);
  const folder = join(cwd, "faults");
  mkdirSync(folder, { recursive: true });
  for (const fault of faults) writeFileSync(join(folder, fault), "");
  return { MOEGEN_PYTHON: python, MOEGEN_TEST_FAULTS: folder };
}
