/** The Node that all of this needs. Runs on older ones too, to say so. */

/** Oldest Node whose features are used; `engines` in package.json says the same. */
export const OLDEST_NODE = 20;

/**
 * Why this Node will not do, and what to do; nothing where it will.
 * @returns {{ message: string, fix: string } | undefined}
 */
export function oldNode(version = process.versions.node) {
  if (Number(version.split(".")[0]) >= OLDEST_NODE) return undefined;
  return {
    message: `this is Node ${version}; moegen needs Node ${OLDEST_NODE} or newer`,
    fix: `install Node ${OLDEST_NODE} or newer (https://nodejs.org), or put it first in PATH`,
  };
}
