/** All that changes a tree goes through here, so that a test can stop it at every step. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";

export interface Disk {
  /** Writes a file that nothing refers to yet, through to the disk. */
  write(path: string, text: string): void;
  /** Puts a file in the place of another, which gives it its mode. */
  rename(from: string, to: string): void;
  /** Takes a file, or a folder of moegen's own, away. */
  remove(path: string): void;
  makeFolder(path: string): void;
  /** Takes an empty folder away; leaves one that is not. */
  removeFolder(path: string): void;
}

export const disk: Disk = {
  write(path, text) {
    const file = openSync(path, "w");
    try {
      writeSync(file, text);
      fsyncSync(file);
    } catch (error) {
      // The error of a failed write does not say of what.
      throw error instanceof Error ? Object.assign(error, { path }) : error;
    } finally {
      closeSync(file);
    }
  },
  rename(from, to) {
    const old = statSync(to, { throwIfNoEntry: false });
    if (old !== undefined) chmodSync(from, old.mode);
    renameSync(from, to);
  },
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  makeFolder: (path) => {
    mkdirSync(path, { recursive: true });
  },
  removeFolder(path) {
    try {
      rmdirSync(path);
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
      if (code !== "ENOENT" && code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
  },
};
