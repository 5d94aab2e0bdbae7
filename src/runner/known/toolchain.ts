/** Which compiler a Python would compile with, read from its folders: nothing is started. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesBelow, hashFiles } from "../../house/paths.mjs";
import { workerEnvironment, workerFolder } from "../environment.ts";

const PACKAGES = ["jax", "jaxlib", "libtpu"];
/** Settings of JAX, XLA and libtpu that a user may have, besides those that the worker is given. */
const SETTINGS = /^(JAX|JAXLIB|XLA|LIBTPU|TPU|PALLAS|MOSAIC)_/;

/** All that decides what the compiler makes of a source, as text. */
export type Toolchain = string;

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The packages with their versions as their metadata folders are called; undefined: not told apart. */
function packagesOf(python: string): readonly string[] | undefined {
  if (!/[\\/]/.test(python)) return undefined;
  const lib = join(dirname(dirname(python)), "lib");
  const folders = namesIn(lib).filter((name) => /^python3\.\d+$/.test(name));
  const [folder] = folders;
  if (folders.length !== 1 || folder === undefined) return undefined;
  const names = namesIn(join(lib, folder, "site-packages"));
  const found = PACKAGES.flatMap((name) =>
    names.filter((each) => each.startsWith(`${name}-`) && each.endsWith(".dist-info")),
  );
  return found.length === PACKAGES.length ? [folder, ...found] : undefined;
}

let worker: string | undefined;

function workerHash(): string {
  const files = filesBelow(join(workerFolder, "moegen_worker"));
  worker ??= hashFiles(files.filter((path) => path.endsWith(".py")));
  return worker;
}

/**
 * The toolchain of the environment that `python` is in, for a worker with so many devices. Undefined
 * where it cannot be told without starting it: a program that is in no environment with JAX, or a
 * libtpu of the user's own.
 */
export function toolchainOf(python: string, devices: number): Toolchain | undefined {
  if (process.env.TPU_LIBRARY_PATH !== undefined) return undefined;
  const packages = packagesOf(python);
  if (packages === undefined) return undefined;
  const own = Object.entries(process.env).filter(([name]) => SETTINGS.test(name));
  const { PYTHONPATH: _, ...given } = workerEnvironment({ devices, dumpFolder: "dump" });
  const settings = Object.entries({ ...Object.fromEntries(own), ...given }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return JSON.stringify([process.platform, process.arch, packages, workerHash(), settings]);
}
