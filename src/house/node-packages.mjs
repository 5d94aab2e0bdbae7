/** Keeps `node_modules` in step with the lock file. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { cacheFolder, hashFiles, nodeModules, readOptional, root } from "./paths.mjs";
import { elapsed, HouseError, run, say } from "./report.mjs";

const stamp = join(nodeModules, ".moegen-stamp");

/** Node's major version is in it: some packages carry a binary. */
const wanted = () =>
  `${hashFiles([join(root, "package-lock.json")])} node ${process.versions.node.split(".")[0]}`;

/** Whether `node_modules` is what the lock file and this Node want. */
export const nodePackagesInStep = () => readOptional(stamp) === wanted();

/**
 * Installs `node_modules` unless it is in step.
 * @throws {HouseError} Node is too old, or npm ended with an error
 */
export async function ensureNodePackages() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    throw new HouseError(`Node ${process.versions.node} is too old`, "install Node 20 or newer");
  }
  if (nodePackagesInStep()) return;
  await withLock(join(cacheFolder, "setup.lock"), async () => {
    if (nodePackagesInStep()) return;
    const start = performance.now();
    say("Node packages: installing from package-lock.json ...");
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const code = await run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
    });
    if (code !== 0) {
      throw new HouseError(
        `npm ci ended with code ${code}`,
        "read npm's message above; is the npm registry reachable?",
      );
    }
    writeFileSync(stamp, wanted());
    say(`Node packages: ready (${elapsed(start)})`);
  });
}
