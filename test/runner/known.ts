/** An environment that counts how often its Python is started, and compiles without a compiler. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requirePython } from "../../src/runner/index.ts";
import { root } from "../cli/moegen.ts";

const VERSIONS = { jax: "1.0", jaxlib: "1.0", libtpu: "1.0" };

/** Made in `cwd`; `env` is what a command needs to use it, and a cache of its own. */
export function countingPython(cwd: string) {
  const bin = join(cwd, "env", "bin");
  const packages = join(cwd, "env", "lib", "python3.11", "site-packages");
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(cwd, "faults"));
  for (const [name, version] of Object.entries(VERSIONS)) {
    mkdirSync(join(packages, `${name}-${version}.dist-info`), { recursive: true });
  }
  const log = join(cwd, "starts");
  const worker = join(root, "test", "sweep", "faulty_worker.py");
  const python = join(bin, "python");
  const real = requirePython(root).python;
  writeFileSync(python, `#!/bin/sh\necho start >> "${log}"\nexec "${real}" "${worker}"\n`);
  chmodSync(python, 0o755);
  const cache = join(cwd, "cache");
  return {
    ...{ cache, packages },
    env: {
      ...{ MOEGEN_PYTHON: python, MOEGEN_COMPILE_CACHE: cache },
      MOEGEN_TEST_FAULTS: join(cwd, "faults"),
    },
    /** How often a worker was started so far. */
    starts: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0),
  };
}
