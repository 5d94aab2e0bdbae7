/** Where things are. Node built-ins only: this runs before `npm ci`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout, or the installed package: `src/house` and `dist/house` are equally deep. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

export const cacheFolder = join(root, ".cache");
export const nodeModules = join(root, "node_modules");
export const dist = join(root, "dist");
/** What the worker needs; in an installed package too. */
export const pythonRequirements = join(root, "python", "requirements.lock");
/** What a sweep over a Ray cluster needs besides; nobody else does. */
export const rayRequirements = join(root, "python", "requirements-ray.lock");
/** The same and what a checkout is tested with; not in the package. */
export const developerRequirements = join(root, "python", "requirements-dev.lock");

/**
 * One hash over the paths and contents of files.
 * @param {readonly string[]} files
 */
export function hashFiles(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash
      .update(relative(root, file).split(sep).join("/"))
      .update("\0")
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex");
}

/**
 * Every file below a folder, in a fixed order.
 * @param {string} folder
 * @returns {string[]}
 */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/**
 * The text of a file, or nothing when it cannot be read.
 * @param {string} file
 */
export function readOptional(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
