import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../src/house/paths.mjs";
import { requirePython } from "../../src/runner/index.ts";

/** A Python that runs the faulty worker, and a folder of faults that it will have. */
export function faulty(cwd: string, faults: readonly string[]) {
  const python = join(cwd, "python");
  const worker = join(root, "test", "sweep", "faulty_worker.py");
  writeFileSync(python, `#!/bin/sh\nexec "${requirePython(root).python}" "${worker}"\n`);
  chmodSync(python, 0o755);
  const folder = join(cwd, "faults");
  mkdirSync(folder, { recursive: true });
  for (const fault of faults) writeFileSync(join(folder, fault), "");
  return { MOEGEN_PYTHON: python, MOEGEN_TEST_FAULTS: folder };
}
