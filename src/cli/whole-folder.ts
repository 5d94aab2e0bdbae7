/**
 * A folder whose files change as one: the new one is made beside it and takes its place by a rename.
 * Whoever is killed on the way (`kill -9`, a power cut) leaves the old files or the new ones, never some
 * of each; in the instant between two renames there is no folder, and `settle` puts it back.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { about, namesIn, readIfThere, takeAway } from "./files.ts";
import { isGenerated } from "./package-files.ts";

/** A folder that is whole and not in its place yet. */
export interface Staged {
  readonly beside: string;
  /** Its place, with every symbolic link on the way resolved. */
  readonly place: string;
  /** Where the folder that is there now goes; nothing: there is none. */
  readonly old?: string;
}

/**
 * Makes the folder that is to be, beside its place: `texts` by file name, and every other file that
 * is there now, but those in `stale`. `begun` is told of what to take away afterwards. Throws the
 * system's error, with the file's own path.
 */
export function stageFolder(
  folder: string,
  texts: ReadonlyMap<string, string>,
  stale: ReadonlySet<string>,
  begun: (path: string) => void,
): Staged {
  const there = existsSync(folder);
  const place = there ? realpathSync(folder) : folder;
  const beside = aside(place, "tmp");
  begun(beside);
  mkdirSync(beside);
  if (there) chmodSync(beside, statSync(place).mode);
  for (const [name, text] of texts) {
    const now = join(place, name);
    mkdirSync(dirname(join(beside, name)), { recursive: true });
    try {
      // A file that is right already stays the file that it is, with its time.
      if (readIfThere(now) === text) keep(now, join(beside, name));
      else writeFileSync(join(beside, name), text);
    } catch (error) {
      throw about(join(folder, name), error);
    }
  }
  if (!there) return { beside, place };
  const made = new Set([...texts.keys()].map((name) => dirname(name)));
  for (const below of new Set([".", ...made])) {
    if (!isFolder(join(place, below))) continue;
    for (const entry of readdirSync(join(place, below), { withFileTypes: true })) {
      const name = join(below, entry.name);
      if (texts.has(name) || stale.has(name)) continue;
      if (entry.isFile()) keep(join(place, name), join(beside, name));
      if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(place, name)), join(beside, name));
    }
  }
  return { beside, place, old: aside(place, "old") };
}

/**
 * Puts a staged folder in its place; gives what undoes it. Folders within the old one (`__pycache__`)
 * move over. Throws the system's error, with the old folder in its place again.
 */
export function swap({ beside, place, old }: Staged): () => void {
  if (old === undefined) {
    renameSync(beside, place);
    return () => renameSync(place, beside);
  }
  const undo = [() => renameSync(old, place)];
  renameSync(place, old);
  const back = (): void => {
    for (const step of undo.reverse()) step();
  };
  try {
    renameSync(beside, place);
    undo.push(() => renameSync(place, beside));
    for (const name of leftIn(old, place)) {
      moveOver(name, old, place);
      undo.push(() => renameSync(join(place, name), join(old, name)));
    }
  } catch (error) {
    back();
    throw error;
  }
  return back;
}

/** Ends what a process that is gone began with a folder, and takes away what it left. */
export function settle(folder: string): void {
  const place = existsSync(folder) ? realpathSync(folder) : folder;
  for (const entry of namesIn(dirname(place))) {
    const [, pid, kind] = entry.startsWith(`.${basename(place)}.`)
      ? (/\.(\d+)\.(tmp|old)$/.exec(entry) ?? [])
      : [];
    if (pid === undefined || entry !== basename(aside(place, kind ?? "", pid))) continue;
    if (isAlive(Number(pid))) continue;
    const left = join(dirname(place), entry);
    if (kind === "old" && !existsSync(place)) renameSync(left, place);
    else if (kind === "old") {
      for (const name of leftIn(left, place)) moveOver(name, left, place);
    }
    takeAway(left);
  }
}

function aside(place: string, kind: string, pid: number | string = process.pid): string {
  return join(dirname(place), `.${basename(place)}.${pid}.${kind}`);
}

function moveOver(name: string, old: string, place: string): void {
  mkdirSync(dirname(join(place, name)), { recursive: true });
  renameSync(join(old, name), join(place, name));
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Python's own cache: of modules that are gone it is of no use. */
const CACHE = "__pycache__";

/**
 * What the old folder alone has and no build made: folders above all, which cannot be in two places.
 * Paths below it; a folder with modules of a build is gone through, any other is one path.
 */
function leftIn(old: string, place: string, below = ""): readonly string[] {
  return namesIn(join(old, below)).flatMap((name) => {
    const path = join(below, name);
    const from = join(old, path);
    const there = lstatSync(join(place, path), { throwIfNoEntry: false }) !== undefined;
    if (isFolder(from) && hasModules(from)) {
      const found = leftIn(old, place, path);
      const useful = there || found.some((one) => basename(one) !== CACHE);
      return useful ? found : [];
    }
    return there || (name.endsWith(".py") && isGenerated(from)) ? [] : [path];
  });
}

/** Whether a build made modules in a folder. */
function hasModules(folder: string): boolean {
  return namesIn(folder).some((name) => name.endsWith(".py") && isGenerated(join(folder, name)));
}

/** One file in two places; a copy where the disk has no second names. */
function keep(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
