/**
 * What the tests of target trees run on, made when first needed: a Python environment for each JAX
 * that a tree pins, and the tree that PyPI has, `sglang-jax` 0.0.2. Both from lock files in
 * `python/trees/`.
 *
 *   node src/house/trees.mjs             makes the tree and its environment
 *   node src/house/trees.mjs jax 0.10.2  makes the environment of one JAX
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";
import { cacheFolder, readOptional, root } from "./paths.mjs";
import { ensurePythonEnvironment, pipInstall } from "./python-env.mjs";
import { say, script } from "./report.mjs";

const lockFile = (/** @type {string} */ name) => join(root, "python", "trees", `${name}.lock`);
const cached = (/** @type {string} */ name) => join(cacheFolder, "trees", name);

/**
 * The interpreter of an environment with that JAX and what sgl-jax needs on CPU devices.
 * @param {string} jax version, e.g. "0.8.1"
 * @returns {Promise<string>}
 */
export function ensureTreeEnvironment(jax) {
  const name = `jax-${jax}`;
  const what = `JAX ${jax} for trees that pin it`;
  return ensurePythonEnvironment(cached(name), {
    ...{ requirements: lockFile(name), what },
    compile: false,
  });
}

/**
 * The folder that holds the package `sgl_jax` as PyPI has it. Not to be written to: copy it.
 * @returns {Promise<string>}
 */
export async function ensurePypiTree() {
  const name = "sglang-jax-0.0.2";
  const folder = cached(name);
  const stamp = `${folder}.stamp`;
  const requirements = lockFile(name);
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (readOptional(stamp) === hash) return folder;
  const interpreter = await ensurePythonEnvironment();
  await withLock(`${folder}.lock`, async () => {
    if (readOptional(stamp) === hash) return;
    say(`${name}: installing the tree that tests build into ...`);
    rmSync(folder, { recursive: true, force: true });
    const alone = ["--no-deps", "--ignore-requires-python", "--no-compile", "--target", folder];
    await pipInstall(interpreter, [...alone, "-r", requirements]);
    writeFileSync(stamp, hash);
  });
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    const [word, version] = process.argv.slice(2);
    if (word === "jax" && version !== undefined) await ensureTreeEnvironment(version);
    else await ensurePypiTree();
    return 0;
  });
}
