/** Paths of a tree: below it, whatever a manifest, a target or a symbolic link says. */
import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { IntoError } from "./errors.ts";

/** Where moegen keeps what it knows of a tree. */
export const STORE = ".moegen";

/**
 * The tree's folder, with every symbolic link in the way to it resolved. Throws `IntoError` where
 * it is no folder, or one within a version control's own.
 */
export function treeRoot(folder: string): string {
  const root = realFolder(folder);
  if (root?.split(sep).some(isVersionControl)) {
    throw new IntoError("path", `${root} is within a folder of version control, not a tree`);
  }
  if (root !== undefined) return root;
  throw new IntoError(
    "not-a-tree",
    `${folder} is no folder`,
    "give --into the root of a sgl-jax checkout, or the folder that holds the package sgl_jax",
  );
}

function realFolder(folder: string): string | undefined {
  try {
    const root = realpathSync(folder);
    return statSync(root).isDirectory() ? root : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A path as a manifest or a target may write it: relative, with `/`, of plain ASCII names, without
 * `.` and `..`, and nowhere in a version control's own folder.
 */
export function isPlainPath(path: string): boolean {
  return (
    path !== "" &&
    path
      .split("/")
      .every(
        (part) => /^[A-Za-z0-9_.-]+$/.test(part) && !part.endsWith(".") && !isVersionControl(part),
      )
  );
}

/** What is in these is run: hooks, settings that name programs. Some disks ignore case. */
const VERSION_CONTROL = new Set([".git", ".hg", ".jj", ".svn", ".bzr", "_darcs"]);

function isVersionControl(part: string): boolean {
  return VERSION_CONTROL.has(part.toLowerCase());
}

/**
 * The absolute path of a file of the tree. Throws `IntoError` "path" for one that leads out of it:
 * each folder on the way that is there must be a real one, and the file itself must be neither a
 * link nor a device or pipe.
 */
export function inTree(root: string, path: string): string {
  if (!isPlainPath(path))
    throw new IntoError("path", `${JSON.stringify(path)} is no path of a file of the tree`);
  let here = root;
  for (const part of path.split("/")) {
    here = join(here, part);
    const found = lstatSync(here, { throwIfNoEntry: false });
    if (found === undefined) break;
    const place = here
      .slice(root.length + 1)
      .split(sep)
      .join("/");
    // Reading a pipe waits for ever.
    if (!found.isFile() && !found.isDirectory() && !found.isSymbolicLink()) {
      throw new IntoError("path", `${place} is no plain file`, "take it away");
    }
    if (found.isSymbolicLink()) {
      throw new IntoError(
        "path",
        `${place} is a symbolic link: moegen writes only to files of the tree itself`,
        "replace the link by what it points to",
      );
    }
    // Nothing is below a file.
    if (!found.isDirectory()) break;
  }
  return join(root, ...path.split("/"));
}

/**
 * The text of a file of the tree; undefined where there is no such file. Throws `IntoError` "path"
 * as `inTree` does, and for a folder or what is not UTF-8; the system's error where it cannot be
 * read.
 */
export function readInTree(root: string, path: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(inTree(root, path));
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "EISDIR") throw new IntoError("path", `${path} is a folder, not a file`);
    throw error;
  }
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) {
    throw new IntoError("path", `${path} is not UTF-8`);
  }
  return text;
}

/** The folders that hold a path, outermost first: "a/b/c.py" has "a" and "a/b". */
export function foldersOf(path: string): readonly string[] {
  const parts = dirname(path).split("/");
  return parts[0] === "." ? [] : parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
