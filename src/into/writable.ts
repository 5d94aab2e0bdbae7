/**
 * What a build can have written to a tree. A manifest and a journal lie in the tree, and whoever made
 * the tree can have made them up: they are believed where they name one of these paths, letter for
 * letter, and nowhere else.
 */
import { schedules } from "../schedule/registry.ts";
import { editedPaths } from "../target/tree/forms.ts";
import { trees } from "../target/tree/registry.ts";
import type { Tree } from "../target/tree/tree.ts";
import { foldersOf } from "./paths.ts";

export interface Writable {
  /** A file of the tree that a build makes or edits. */
  file(path: string): boolean;
  /** A folder that a build makes for such a file. */
  folder(path: string): boolean;
}

const KERNEL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PACKAGE_FILE = /^[a-z_][a-z0-9_]*\.py$/;

/** Whether a package of the tree may have this name: an identifier of ASCII letters. */
export function isKernelName(name: string): boolean {
  return KERNEL_NAME.test(name);
}

/** The kernel whose package holds a path; nothing where it is of no package. */
export function kernelOf(tree: Tree, path: string): string | undefined {
  const [name = "", ...below] = path.startsWith(`${tree.kernelFolder}/`)
    ? path.slice(tree.kernelFolder.length + 1).split("/")
    : [];
  // In a package of several schedules each has a folder.
  const own = below.length === 2 && Object.hasOwn(schedules, below[0] ?? "");
  const [file = "", ...deeper] = own ? below.slice(1) : below;
  return isKernelName(name) && PACKAGE_FILE.test(file) && deeper.length === 0 ? name : undefined;
}

/** Of one tree, or of any: a journal does not say whose it is. */
export function writableIn(some: readonly Tree[] = Object.values(trees)): Writable {
  const made = new Set(some.flatMap((tree) => tree.files([]).map(({ path }) => path)));
  const edited = new Set(some.flatMap(editedPaths));
  const shared = new Set([
    ...[...made].flatMap(foldersOf),
    ...some.flatMap(({ kernelFolder }) => foldersOf(`${kernelFolder}/x`)),
  ]);
  return {
    file: (path) =>
      made.has(path) || edited.has(path) || some.some((tree) => kernelOf(tree, path) !== undefined),
    folder: (path) =>
      shared.has(path) || some.some((tree) => kernelOf(tree, `${path}/x.py`) !== undefined),
  };
}
