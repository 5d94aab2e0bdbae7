/**
 * The Python environment of the worker: found, made, kept in step with `python/requirements.lock`, that of
 * a checkout with `python/requirements-dev.lock`.
 * Plain JavaScript with built-ins only, because `npm start` needs it before `npm ci`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { withLock } from "./lock.mjs";
import {
  developerRequirements,
  pythonRequirements,
  rayRequirements,
  readOptional,
  root,
} from "./paths.mjs";
import { elapsed, HouseError, run, say } from "./report.mjs";

/** Oldest Python that the locked JAX runs on. */
const OLDEST = [3, 11];
const CANDIDATES = ["python3.11", "python3.12", "python3.13", "python3.14", "python3", "python"];

const requirementsHash = (/** @type {string} */ requirements) =>
  createHash("sha256").update(readFileSync(requirements)).digest("hex");

/**
 * Path of an environment's Python, whether or not it is there.
 * @param {string} environment
 */
export const interpreterOf = (environment) =>
  process.platform === "win32"
    ? join(environment, "Scripts", "python.exe")
    : join(environment, "bin", "python");

/** The environment of a checkout. */
export const checkoutEnvironment = join(root, ".venv");

/** The environment of an installed package: one for each locked set of requirements, shared by projects. */
export function cachedEnvironment() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "moegen", `python-${requirementsHash(pythonRequirements).slice(0, 16)}`);
}

/** A checkout has the sources beside it; an installed package has not. */
export const isCheckout = () =>
  existsSync(join(root, "src", "house", "setup.mjs")) && existsSync(join(root, ".git"));

/** Where this copy of moegen keeps the environment that it makes itself. */
export const ownEnvironment = () => (isCheckout() ? checkoutEnvironment : cachedEnvironment());

/**
 * The lock file of an environment: a checkout's own is for developing too.
 * @param {string} environment
 */
export const requirementsOf = (environment) =>
  environment === checkoutEnvironment ? developerRequirements : pythonRequirements;

/**
 * Whether it was made from the lock file as that is now.
 * @param {string} environment
 * @param {string} [requirements] its lock file
 */
export const environmentInStep = (environment, requirements = requirementsOf(environment)) =>
  existsSync(interpreterOf(environment)) &&
  readOptional(join(environment, ".moegen-stamp")) === requirementsHash(requirements);

/**
 * A system Python that can make the environment, or nothing.
 * @returns {{ program: string, version: string } | undefined}
 */
export function systemPython() {
  const chosen = process.env.MOEGEN_SYSTEM_PYTHON;
  for (const program of chosen ? [chosen] : CANDIDATES) {
    const probe = spawnSync(
      program,
      ["-c", "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])"],
      {
        encoding: "utf8",
      },
    );
    const version = probe.status === 0 ? probe.stdout.trim() : "";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major === OLDEST[0] && minor >= (OLDEST[1] ?? 0)) return { program, version };
  }
  return undefined;
}

/**
 * Makes an environment from a lock file unless it is in step already; resolves to its interpreter.
 * @param {string} [environment]
 * @param {{ requirements?: string, what?: string, compile?: boolean }} [options] the lock file, what
 *   it brings, and whether all of it is compiled to bytecode at once: what is imported is in any case
 * @returns {Promise<string>}
 * @throws {HouseError} there is no Python to make it with, or pip ended with an error
 */
export async function ensurePythonEnvironment(environment = ownEnvironment(), options = {}) {
  const { requirements = requirementsOf(environment), what = "JAX with libtpu" } = options;
  const lazily = options.compile === false ? ["--no-compile"] : [];
  const interpreter = interpreterOf(environment);
  if (environmentInStep(environment, requirements)) return interpreter;
  mkdirSync(dirname(environment), { recursive: true });
  await withLock(`${environment}.lock`, async () => {
    if (environmentInStep(environment, requirements)) return;
    const start = performance.now();
    const python = systemPython();
    if (!python) {
      throw new HouseError(
        "no Python 3.11 or newer with the venv module was found",
        `install one (Debian: apt-get install python3 python3-venv), or name it in MOEGEN_SYSTEM_PYTHON`,
      );
    }
    say(`Python packages: installing ${what} for Python ${python.version} (some 400 MB, once) ...`);
    rmSync(environment, { recursive: true, force: true });
    if ((await run(python.program, ["-m", "venv", environment])) !== 0) {
      throw new HouseError(
        `${python.program} -m venv failed`,
        "Debian: apt-get install python3-venv",
      );
    }
    await pipInstall(interpreter, [...lazily, "--only-binary", ":all:", "-r", requirements]);
    writeFileSync(join(environment, ".moegen-stamp"), requirementsHash(requirements));
    say(`Python packages: ready (${elapsed(start)})`);
  });
  return interpreter;
}

/**
 * Installs what a lock file names, and nothing whose hash is not in it.
 * @param {string} interpreter
 * @param {readonly string[]} args
 * @throws {HouseError} pip ended with an error
 */
export async function pipInstall(interpreter, args) {
  const pip = ["-m", "pip", "install", "--require-hashes", "--disable-pip-version-check"];
  // Off a terminal pip's progress bar is noise; its "Collecting" lines stay as progress.
  const quiet = process.stderr.isTTY ? [] : ["--progress-bar", "off"];
  const code = await run(interpreter, [...pip, ...quiet, ...args]);
  if (code !== 0) {
    throw new HouseError(
      `pip ended with code ${code}`,
      "read pip's message above; is the Python registry reachable?",
    );
  }
}

/**
 * Adds Ray, as locked, to an environment that moegen made, unless it is there.
 * @param {string} [environment]
 * @throws {HouseError} pip ended with an error
 */
export async function ensureRay(environment = ownEnvironment()) {
  const interpreter = await ensurePythonEnvironment(environment);
  const stamp = join(environment, ".moegen-ray-stamp");
  const wanted = requirementsHash(rayRequirements);
  await withLock(`${environment}.lock`, async () => {
    if (readOptional(stamp) === wanted) return;
    say("Python packages: installing Ray (some 80 MB, once) ...");
    await pipInstall(interpreter, ["--only-binary", ":all:", "-r", rayRequirements]);
    writeFileSync(stamp, wanted);
  });
}

/**
 * The Python that the worker runs on: `MOEGEN_PYTHON`, a `.venv` with JAX where the user stands, the
 * one this copy of moegen made. Nothing is started to find it.
 * @param {string} [folder]
 * @returns {{ python: string, source: string } | undefined}
 */
export function findPython(folder = process.cwd()) {
  const chosen = process.env.MOEGEN_PYTHON;
  if (chosen) return { python: chosen, source: "MOEGEN_PYTHON" };
  const own = ownEnvironment();
  const local = join(folder, ".venv");
  // A project's .venv may be for something else: without JAX it is passed over.
  if (local !== own && hasJax(local)) return { python: interpreterOf(local), source: local };
  return existsSync(interpreterOf(own)) ? { python: interpreterOf(own), source: own } : undefined;
}

/** @param {string} environment */
function hasJax(environment) {
  if (!existsSync(interpreterOf(environment))) return false;
  const lib = join(environment, "lib");
  const folders = existsSync(lib) ? readdirSync(lib) : [];
  return folders.some((name) => existsSync(join(lib, name, "site-packages", "jax")));
}
