/**
 * What moegen did to a tree: `.moegen/manifest.json` in it, with the originals of edited files and
 * what was generated beside it. Written last, read first, and believed in nothing unchecked.
 */
import { createHash } from "node:crypto";
import type { HostedKernel } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";
import { isPlainPath, readInTree, STORE } from "./paths.ts";

export const MANIFEST = `${STORE}/manifest.json`;
export const originalOf = (path: string): string => `${STORE}/original/${path}`;
export const generatedOf = (path: string): string => `${STORE}/generated/${path}`;

export interface FileRecord {
  /** SHA-256 of the file before moegen, whose bytes are in `original/`; null: there was none. */
  readonly before: string | null;
  /** SHA-256 of what moegen made, whose bytes are in `generated/`. */
  readonly generated: string;
  /** SHA-256 of the file as the build left it: `generated`, unless hand edits were merged in. */
  readonly after: string;
  /** The kernel whose package holds the file; absent: a file of the tree as a whole. */
  readonly kernel?: string;
}

export interface SpecRecord {
  /** SHA-256 of the spec, every default filled in. */
  readonly hash: string;
  readonly kernel: HostedKernel;
}

export interface Manifest {
  readonly schema: 1;
  /** Version of moegen that built last. */
  readonly moegen: string;
  /** Key of `src/target/tree/registry.ts`. */
  readonly tree: string;
  /** By kernel name. */
  readonly specs: Readonly<Record<string, SpecRecord>>;
  /** By path below the tree. */
  readonly files: Readonly<Record<string, FileRecord>>;
  /** Folders that moegen made. */
  readonly folders: readonly string[];
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Sorted by name, so that equal manifests are equal files. */
export function renderManifest(manifest: Manifest): string {
  const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { schema, moegen, tree, specs, files, folders } = manifest;
  const whole = {
    schema,
    moegen,
    tree,
    specs: sorted(specs),
    files: sorted(files),
    folders: [...folders].sort(),
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

export function readManifest(root: string): Manifest | undefined {
  const text = readInTree(root, MANIFEST);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken("it is not JSON");
  }
  const manifest = value as Manifest;
  if (manifest?.schema !== 1) throw broken("its schema is not 1, the one that this moegen knows");
  for (const name of Object.keys(manifest.specs)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw broken(`${JSON.stringify(name)} is no kernel name`);
  }
  for (const path of [...Object.keys(manifest.files), ...manifest.folders]) {
    if (!isPlainPath(path) || path.split("/")[0] === STORE) {
      throw broken(`${JSON.stringify(path)} is no path of the tree`);
    }
  }
  return manifest;
}

/** What the manifest keeps of a file, checked against its hash. */
export function readKept(root: string, path: string, hash: string): string {
  const text = readInTree(root, path);
  if (text === undefined) throw broken(`${path} is missing`);
  if (sha256(text) !== hash) throw broken(`${path} is not what was kept there`);
  return text;
}

function broken(why: string): IntoError {
  return new IntoError(
    "manifest",
    `${STORE} in the tree cannot be trusted: ${why}`,
    "restore the tree from its version control, then build again",
  );
}
