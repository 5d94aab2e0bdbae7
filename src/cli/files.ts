/** Writing that leaves either the old file or the new one, never half of it. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "./failure.ts";

/**
 * Writes through a temporary file beside `path`, making its folders. Throws the system's error with
 * `path` in it; the old file stays then, and the temporary one goes.
 */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    takeAway(temporary);
    throw about(path, error);
  }
}

/** The error with the path that a user knows: that of a failed write has none, or a temporary one. */
export function about(path: string, error: unknown): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error;
}

/** Tidying up after a failure must not hide it. */
export function takeAway(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The failure itself is told.
  }
}

/**
 * The file's text, or nothing where there is no such file. Throws the system's error where it is
 * there and cannot be read.
 */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Throws UsageError for a pipe, a socket or a device: reading one may wait for ever, where no signal
 * is heard. `advice` is what to do about it.
 */
export function refuseSpecial(path: string, advice: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    throw new UsageError(`${path} is no plain file: ${advice}`);
  }
}

/**
 * Names in a folder, sorted; none where there is no such folder. Throws the system's error where it
 * cannot be read.
 */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}
