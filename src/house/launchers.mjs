/**
 * What the long tests of launchers run on, made when first needed: the tools that launchers' files are
 * checked by, and a Python as a node of a cluster has it. Both from lock files.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { cacheFolder, pythonRequirements, readOptional, root } from "./paths.mjs";
import { ensurePythonEnvironment, pipInstall } from "./python-env.mjs";

const cached = (/** @type {string} */ name) => join(cacheFolder, "launchers", name);

/**
 * The interpreter of an environment with SkyPilot and schemas of compose and Kubernetes.
 * @returns {Promise<string>}
 */
export function ensureLauncherChecks() {
  const requirements = join(root, "python", "launchers", "checks.lock");
  const what = "SkyPilot and schemas that launchers are checked by";
  return ensurePythonEnvironment(cached("checks"), { requirements, what });
}

/**
 * The interpreter of an environment that a launcher's node has: both of its locks, and nothing else.
 * @returns {Promise<string>}
 */
export async function ensureNodeEnvironment() {
  const environment = cached("node");
  const interpreter = await ensurePythonEnvironment(environment, {
    requirements: pythonRequirements,
  });
  const lock = join(root, "python", "requirements-cluster.lock");
  const stamp = join(environment, ".moegen-cluster-stamp");
  const wanted = readFileSync(lock, "utf8");
  await withLock(`${environment}.lock`, async () => {
    if (readOptional(stamp) === wanted) return;
    await pipInstall(interpreter, ["--only-binary", ":all:", "-r", lock]);
    writeFileSync(stamp, wanted);
  });
  return interpreter;
}
