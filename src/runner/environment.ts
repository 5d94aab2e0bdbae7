/** Where Python is, and what to do where it is not. */
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { root } from "../house/paths.mjs";
import { findPython } from "../house/python-env.mjs";
import { EnvironmentError } from "./errors.ts";

export interface Python {
  readonly python: string;
  /** Where it was found: "MOEGEN_PYTHON" or a folder. */
  readonly source: string;
}

const FIX = "moegen doctor --fix";

/** Folder that holds the `moegen_worker` package; in an installed package too. */
export const workerFolder = join(root, "python");

/**
 * `MOEGEN_PYTHON`, a `.venv` with JAX where the user stands, or moegen's own environment. Throws
 * EnvironmentError where there is none or it is gone.
 */
export function requirePython(cwd = process.cwd()): Python {
  const found = findPython(cwd);
  if (found === undefined) {
    throw new EnvironmentError("no-python", "there is no Python environment with JAX", FIX);
  }
  // A name without a slash is looked up in PATH when it is started.
  if (/[\\/]/.test(found.python) && !existsSync(found.python)) {
    throw new EnvironmentError("no-python", `${found.python} does not exist`, fixOf(found));
  }
  return found;
}

/** What a user does about a Python that does not serve. */
export function fixOf({ source }: Python): string {
  return source === "MOEGEN_PYTHON"
    ? "unset MOEGEN_PYTHON, or let it name a Python that has jax[tpu]"
    : FIX;
}

/** Settings that must stand before JAX and libtpu load. */
export function workerEnvironment(options: {
  readonly devices: number;
  readonly dumpFolder: string;
  /** Folders with packages to profile beside ours; ours come first. */
  readonly packages?: readonly string[];
}): Record<string, string> {
  const { devices, dumpFolder, packages = [] } = options;
  return {
    PYTHONPATH: [workerFolder, ...packages].join(delimiter),
    // `python -m` looks for modules where the user stands first: a json.py of theirs, or of a tree that
    // somebody else made, would be run.
    PYTHONSAFEPATH: "1",
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    // What the worker writes for itself goes with what the compiler dumps, whatever ends it.
    TMPDIR: dirname(dumpFolder),
    JAX_PLATFORMS: "cpu",
    // The TPU compiler must not look for a TPU's metadata server, nor for other users of libtpu.
    TPU_SKIP_MDS_QUERY: "1",
    ALLOW_MULTIPLE_LIBTPU_LOAD: "true",
    // Each simulated device holds a thread of JAX's pool: with too few they deadlock silently.
    NPROC: String(Math.max(64, 4 * devices)),
    // What numpy multiplies is small: a second thread would only wait.
    OPENBLAS_NUM_THREADS: "1",
    XLA_FLAGS: `--xla_force_host_platform_device_count=${devices}`,
    // A user's compilation cache must not hide what the compiler says.
    JAX_ENABLE_COMPILATION_CACHE: "false",
    LIBTPU_INIT_ARGS: [
      `--xla_jf_dump_to=${dumpFolder}`,
      "--xla_jf_dump_llo_text=true",
      "--xla_jf_dump_llo_pass_label_regex=final_bundles|final_hlo-static",
      "--xla_enable_custom_call_region_trace=true",
    ].join(" "),
  };
}
