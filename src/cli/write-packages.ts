/**
 * Writes packages, all of them or nothing. Every text is on the disk before the first package takes its
 * place, so a full disk, a limit or a name that the disk does not take leaves what was there before;
 * each package changes by a rename, so whoever is killed leaves none half old and half new.
 */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { removeDeadLock, withLock } from "../house/lock.mjs";
import { UsageError } from "./failure.ts";
import { takeAway } from "./files.ts";
import type { FileState } from "./package-files.ts";
import { type Staged, settle, stageFolder, swap } from "./whole-folder.ts";

/** In the output folder while packages take their places. */
const LOCK = ".moegen.lock";

export interface NamedPackage {
  readonly name: string;
  readonly files: readonly FileState[];
}

/** Throws UsageError for an output folder that is a file, or below one. */
export function refuseFile(out: string): void {
  let here = resolve(out);
  while (!existsSync(here) && dirname(here) !== here) here = dirname(here);
  if (statSync(here, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new UsageError(`--out ${out}: ${here} is a file; packages need a folder`);
  }
}

/**
 * Writes what changed, removes what is stale, touches nothing else. Throws UsageError where a
 * folder is a file, the system's error where the disk refuses; what was there before is there then.
 */
export async function writePackages(out: string, packages: readonly NamedPackage[]): Promise<void> {
  const changed = packages.filter(({ files }) => files.some(({ state }) => state !== "unchanged"));
  if (changed.length === 0) return;
  refuseFile(out);
  const made = mkdirSync(out, { recursive: true });
  try {
    await withLock(join(out, LOCK), async () => exchange(out, changed));
  } catch (error) {
    if (made !== undefined) takeAway(made);
    throw error;
  }
}

/** Ends what a build of these packages that was killed began; do it before looking at them. */
export function settlePackages(out: string, names: readonly string[]): void {
  for (const name of names) settle(join(out, name));
  removeDeadLock(join(out, LOCK));
}

/** All packages, or none. */
function exchange(out: string, packages: readonly NamedPackage[]): void {
  const begun: string[] = [];
  const undo: (() => void)[] = [];
  try {
    const staged = packages.map(({ name, files }): Staged => {
      const folder = join(out, name);
      refuseFile(folder);
      const below = (path: string): string => path.slice(name.length + 1);
      const texts = files.flatMap(({ path, text }): [string, string][] =>
        text === undefined ? [] : [[below(path), text]],
      );
      const stale = files.filter(({ state }) => state === "stale").map(({ path }) => below(path));
      return stageFolder(folder, new Map(texts), new Set(stale), (path) => begun.push(path));
    });
    for (const one of staged) undo.push(swap(one));
    // Only now is nothing of the old folders wanted any more.
    begun.push(...staged.flatMap(({ old }) => old ?? []));
  } catch (error) {
    for (const back of undo.reverse()) back();
    throw error;
  } finally {
    for (const path of begun) takeAway(path);
  }
}
