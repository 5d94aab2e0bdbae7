/** Builds `dist` when a source changed: plain transpilation, types are checked by `npm test`. */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";
import {
  cacheFolder,
  dist,
  filesBelow,
  hashFiles,
  nodeModules,
  readOptional,
  root,
} from "./paths.mjs";
import { elapsed, HouseError, run, say, script } from "./report.mjs";

const settings = [join(root, "tsconfig.json"), join(root, "package-lock.json")];

/** What `dist` is made from, as one hash. */
const wanted = () => hashFiles([...settings, ...filesBelow(join(root, "src"))]);

/** @param {string} hash */
const inStep = (hash) => readOptional(join(dist, ".stamp")) === hash;

/**
 * Builds `dist` unless it is in step with the sources, or in any case with `force`.
 * @throws {HouseError} the compiler ended with an error; `dist` is as it was
 */
export async function ensureBuilt({ force = false } = {}) {
  if (!force && inStep(wanted())) return;
  await withLock(join(cacheFolder, "build.lock"), async () => {
    const hash = wanted();
    if (!force && inStep(hash)) return;
    const start = performance.now();
    // Built aside and renamed: a command that runs meanwhile never sees half a `dist`.
    const fresh = join(cacheFolder, `dist-${process.pid}`);
    const old = join(cacheFolder, `dist-old-${process.pid}`);
    mkdirSync(cacheFolder, { recursive: true });
    const tsc = join(nodeModules, "typescript", "bin", "tsc");
    const project = join(root, "src", "house", "tsconfig.build.json");
    const code = await run(process.execPath, [tsc, "-p", project, "--outDir", fresh], {
      cwd: root,
    });
    if (code !== 0) {
      rmSync(fresh, { recursive: true, force: true });
      throw new HouseError(`tsc ended with code ${code}`, "read the compiler's message above");
    }
    const main = join(fresh, "cli", "main.js");
    if (existsSync(main)) chmodSync(main, 0o755);
    writeFileSync(join(fresh, ".stamp"), hash);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
    rmSync(old, { recursive: true, force: true });
    say(`build: dist is ready (${elapsed(start)})`);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    await ensureBuilt({ force: process.argv.includes("--force") });
    return 0;
  });
}
