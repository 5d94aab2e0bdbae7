/**
 * Writes packages, all of them or nothing. Every text is on the disk before the first one takes its
 * place, so a full disk, a limit or a name that the disk does not take leaves what was there before. A
 * package that is new appears as a whole folder, by one rename.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "./failure.ts";
import { about, namesIn, takeAway } from "./files.ts";
import type { FileState } from "./package-files.ts";

export interface NamedPackage {
  readonly name: string;
  readonly files: readonly FileState[];
}

/** A file or folder in its place, or on the way there. */
interface Move {
  readonly from: string;
  readonly to: string;
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
export function writePackages(out: string, packages: readonly NamedPackage[]): void {
  const changed = packages
    .map(({ name, files }) => ({ name, files: files.filter(({ state }) => state !== "unchanged") }))
    .filter(({ files }) => files.length > 0);
  if (changed.length === 0) return;
  refuseFile(out);
  const made = mkdirSync(out, { recursive: true });
  const staged: string[] = [];
  const moves: Move[] = [];
  try {
    for (const { name, files } of changed) {
      refuseFile(join(out, name));
      sweep(out, name);
      moves.push(...stage(out, name, files, staged));
    }
    carryOut(moves, staged);
  } catch (error) {
    for (const path of staged) takeAway(path);
    if (made !== undefined) takeAway(made);
    throw error;
  }
  for (const path of staged) takeAway(path);
  for (const { files } of changed) {
    for (const { path, state } of files) {
      if (state === "stale") rmSync(join(out, path), { force: true });
    }
  }
}

/** The new texts beside their places; `staged` grows by all that is to be taken away afterwards. */
function stage(
  out: string,
  name: string,
  files: readonly FileState[],
  staged: string[],
): readonly Move[] {
  const folder = join(out, name);
  const beside = join(out, `.${name}.${process.pid}.tmp`);
  staged.push(beside);
  mkdirSync(beside);
  const moves = files.flatMap(({ path, text }): Move[] => {
    if (text === undefined) return [];
    const from = join(beside, path.slice(name.length + 1));
    const to = join(out, path);
    try {
      writeFileSync(from, text);
    } catch (error) {
      throw about(to, error);
    }
    return [{ from, to }];
  });
  return existsSync(folder) ? moves : [{ from: beside, to: folder }];
}

/** All renames, or none: what was there is kept under a second name until the last one is done. */
function carryOut(moves: readonly Move[], staged: string[]): void {
  const undo: (() => void)[] = [];
  try {
    for (const { from, to } of moves) {
      const old = `${to}.${process.pid}.tmp`;
      if (existsSync(to)) {
        linkSync(to, old);
        staged.push(old);
        undo.push(() => renameSync(old, to));
      } else undo.push(() => takeAway(to));
      renameSync(from, to);
    }
  } catch (error) {
    for (const back of undo.reverse()) back();
    throw error;
  }
}

/** What a build that was killed left of itself. */
function sweep(out: string, name: string): void {
  for (const entry of namesIn(out)) {
    const pid = entry.startsWith(`.${name}.`) ? /\.(\d+)\.tmp$/.exec(entry)?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) takeAway(join(out, entry));
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
