/**
 * Many files changed as one. What is to be is staged first; then a journal says so, and from that
 * moment the change happens: whoever comes next carries out what is left of it. A process that is
 * killed before leaves the old tree and a stage that is swept away, one killed after leaves a
 * journal. Each step can be done twice.
 */
import { accessSync, constants, existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../house/lock.mjs";
import type { Disk } from "./disk.ts";
import { IntoError } from "./errors.ts";
import { JOURNAL, type Journal, readJournal, STAGE, type Step, stagedFile } from "./journal.ts";
import { MANIFEST, sha256 } from "./manifest.ts";
import { foldersOf, inTree, readInTree, STORE } from "./paths.ts";

const LOCK = `${STORE}/lock`;

/** A file to be: its text, or nothing. */
export interface Change {
  readonly path: string;
  readonly text: string | undefined;
}

/**
 * Only one moegen changes a tree at a time: does `work` with the tree's lock, and takes the store
 * away where it is empty afterwards. Throws `IntoError` "path" where the tree cannot be written,
 * and what `work` throws.
 */
export async function exclusively<T>(root: string, work: () => Promise<T>, disk: Disk): Promise<T> {
  const store = inTree(root, STORE);
  try {
    accessSync(existsSync(store) ? store : root, constants.W_OK);
  } catch {
    throw new IntoError("path", `${root} cannot be written to`);
  }
  try {
    return await withLock(inTree(root, LOCK), work);
  } finally {
    disk.removeFolder(store);
  }
}

/** Whether a journal is there: a change was decided on and not ended. */
export function isInterrupted(root: string): boolean {
  return existsSync(inTree(root, JOURNAL));
}

/**
 * Makes all changes, or, killed on the way, leaves what `recover` needs. `folders` are taken away
 * where they are empty then, in their order. Throws `IntoError` with nothing written where a file
 * is in the way of a folder, the system's error where the stage cannot be written, `IntoError`
 * "disk" where the change began and cannot go on.
 */
export function commit(
  root: string,
  changes: readonly Change[],
  folders: readonly string[],
  disk: Disk,
): void {
  refuseFilesInTheWay(root, changes);
  sweep(root, disk);
  let journal: Journal;
  try {
    journal = stageAll(root, changes, folders, disk);
  } catch (error) {
    // The old tree, and nothing beside it; what made the stage fail is what is told.
    try {
      sweep(root, disk);
    } catch {}
    throw error;
  }
  carryOut(root, journal, disk, false);
}

/** Every text on the disk, and with the last step a journal that says so. */
function stageAll(
  root: string,
  changes: readonly Change[],
  folders: readonly string[],
  disk: Disk,
): Journal {
  disk.makeFolder(inTree(root, STAGE));
  const ordered = [...changes].sort((a, b) => rank(a) - rank(b));
  const steps = ordered.flatMap(({ path, text }, index): Step[] => {
    const before = hashOf(readInTree(root, path));
    const after = hashOf(text);
    if (before === after) return [];
    if (text === undefined) return [{ path, before, after }];
    const staged = String(index);
    disk.write(inTree(root, stagedFile(staged)), text);
    return [{ path, before, after, staged }];
  });
  const journal: Journal = { steps, folders };
  disk.write(inTree(root, `${STAGE}/journal.json`), JSON.stringify(journal));
  disk.rename(inTree(root, `${STAGE}/journal.json`), inTree(root, JOURNAL));
  return journal;
}

/** A file where a folder must be would stop the change half-way. */
function refuseFilesInTheWay(root: string, changes: readonly Change[]): void {
  for (const folder of new Set(changes.flatMap(({ path }) => foldersOf(path)))) {
    const found = lstatSync(inTree(root, folder), { throwIfNoEntry: false });
    if (found !== undefined && !found.isDirectory()) {
      throw new IntoError(
        "path",
        `${folder} is a file where a folder must be; nothing was written`,
      );
    }
  }
}

/**
 * Ends what an interrupted build or revert began. False where there is nothing to end. Throws
 * `IntoError` "interrupted" where a file changed since, unless `force`, and "disk" where it cannot
 * go on.
 */
export function recover(root: string, disk: Disk, force: boolean): boolean {
  if (!isInterrupted(root)) {
    sweep(root, disk);
    return false;
  }
  const journal = readJournal(root);
  const strangers = journal.steps.filter(({ path, before, after }) => {
    const now = hashOf(readInTree(root, path));
    return now !== before && now !== after;
  });
  if (strangers.length > 0 && !force) {
    const names = strangers.map(({ path }) => path).join(", ");
    throw new IntoError(
      "interrupted",
      `a build of this tree was interrupted, and since then ${names} changed`,
      "put your changes aside and run this again, or give --force to overwrite them",
    );
  }
  carryOut(root, journal, disk, force);
  return true;
}

function carryOut(root: string, journal: Journal, disk: Disk, force: boolean): void {
  try {
    carryOutSteps(root, journal, disk, force);
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw new IntoError(
      "disk",
      `the tree is half old and half new: ${error.message}`,
      "put that right, then run the same command again: it goes on where it stopped",
    );
  }
}

function carryOutSteps(
  root: string,
  { steps, folders }: Journal,
  disk: Disk,
  force: boolean,
): void {
  for (const { path, before, after, staged } of steps) {
    const file = inTree(root, path);
    const now = hashOf(readInTree(root, path));
    if (now === after) continue;
    if (now !== before && !force) throw new IntoError("interrupted", `${path} changed meanwhile`);
    // A text that is in the stage no more was in its place and then overwritten by hand: the build or
    // revert that follows deals with that.
    if (staged === undefined) disk.remove(file);
    else if (existsSync(inTree(root, stagedFile(staged)))) {
      disk.makeFolder(join(file, ".."));
      disk.rename(inTree(root, stagedFile(staged)), file);
    }
  }
  for (const folder of folders) {
    disk.remove(inTree(root, `${folder}/__pycache__`));
    disk.removeFolder(inTree(root, folder));
  }
  // Innermost first: what the store held may be gone.
  for (const folder of storeFolders(steps)) disk.removeFolder(inTree(root, folder));
  disk.remove(inTree(root, JOURNAL));
  sweep(root, disk);
}

function sweep(root: string, disk: Disk): void {
  if (existsSync(inTree(root, STAGE))) disk.remove(inTree(root, STAGE));
}

function storeFolders(steps: readonly Step[]): readonly string[] {
  const folders = steps
    .filter(({ path, after }) => after === null && path.startsWith(`${STORE}/`))
    .flatMap(({ path }) => foldersOf(path))
    .filter((folder) => folder !== STORE);
  return [...new Set(folders)].sort((a, b) => b.split("/").length - a.split("/").length);
}

/** What is kept is written before the file it is kept of, and taken away after; the manifest is last. */
function rank({ path, text }: Change): number {
  if (path === MANIFEST) return 3;
  if (!path.startsWith(`${STORE}/`)) return 1;
  return text === undefined ? 2 : 0;
}

function hashOf(text: string | undefined): string | null {
  return text === undefined ? null : sha256(text);
}
