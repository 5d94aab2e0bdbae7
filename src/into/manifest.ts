/**
 * What moegen did to a tree: `.moegen/manifest.json` in it, with the originals of edited files and
 * what was generated beside it. Written last, read first, and believed in nothing unchecked.
 */
import { createHash } from "node:crypto";
import { trees } from "../target/tree/registry.ts";
import type { HostedKernel } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";
import { readInTree, STORE } from "./paths.ts";
import { isKernelName, kernelOf, writableIn } from "./writable.ts";

export const MANIFEST = `${STORE}/manifest.json`;
/** Where the store keeps the file as it was before moegen. */
export const originalOf = (path: string): string => `${STORE}/original/${path}`;
/** Where the store keeps the file as moegen made it. */
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
  /** SHA-256 of the spec, every default filled in, as the files' headers have it. */
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

/** Of the text in UTF-8, 64 hexadecimal digits. */
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

/**
 * The manifest, where every path in it is one that a build of its tree can have written; undefined
 * where there is none. The layers in it are judged where they are used, see `settle.ts`: taking
 * everything out needs none of them. Throws `IntoError` "manifest" for any other.
 */
export function readManifest(root: string): Manifest | undefined {
  const text = readInTree(root, MANIFEST);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken("its manifest is not JSON");
  }
  return checkedManifest(value);
}

function checkedManifest(value: unknown): Manifest {
  const whole = dict("the manifest", value);
  const { schema, moegen, tree: treeName, folders } = whole;
  if (schema !== 1) throw broken("its schema is not 1, the one that this moegen knows");
  if (typeof moegen !== "string") throw broken("it names no version of moegen");
  if (typeof treeName !== "string") throw broken("it names no tree");
  const tree = Object.values(trees).find(({ name }) => name === treeName);
  if (tree === undefined) {
    throw broken(`the tree was built as ${show(treeName)}, which this moegen does not know`);
  }
  const specs = dict("specs", whole.specs);
  for (const [name, record] of Object.entries(specs)) checkSpec(name, record);
  const files = dict("files", whole.files);
  const writable = writableIn([tree]);
  for (const [path, record] of Object.entries(files)) {
    if (!writable.file(path)) throw broken(`no build writes ${show(path)} to ${tree.title}`);
    const kernel = kernelOf(tree, path);
    checkFile(
      path,
      record,
      kernel !== undefined && Object.hasOwn(specs, kernel) ? kernel : undefined,
    );
  }
  if (!Array.isArray(folders)) throw broken("folders is no list");
  for (const folder of folders) {
    if (typeof folder !== "string" || !writable.folder(folder)) {
      throw broken(`no build makes the folder ${show(folder)} in ${tree.title}`);
    }
  }
  // Every field was looked at above.
  return value as Manifest;
}

function checkSpec(name: string, value: unknown): void {
  if (!isKernelName(name)) throw broken(`${show(name)} is no kernel name`);
  const { hash, kernel } = dict(`specs.${name}`, value);
  if (!isHash(hash)) throw broken(`specs.${name}.hash is no SHA-256`);
  if (dict(`specs.${name}.kernel`, kernel).name !== name) {
    throw broken(`specs.${name}.kernel has another name`);
  }
}

/** `owner`: the kernel in the tree whose package holds the path. */
function checkFile(path: string, value: unknown, owner: string | undefined): void {
  const { before, generated, after, kernel } = dict(show(path), value);
  if (before !== null && !isHash(before)) throw broken(`before of ${path} is no SHA-256, nor null`);
  if (!isHash(generated)) throw broken(`generated of ${path} is no SHA-256`);
  if (!isHash(after)) throw broken(`after of ${path} is no SHA-256`);
  if (kernel !== owner) throw broken(`${path} is of ${show(owner)}, not of ${show(kernel)}`);
}

/** Short enough for one line, whatever it is. */
function show(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** Whether it is what `sha256` gives. */
export function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function dict(what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw broken(`${what} is ${show(value)}, not an object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * What the manifest keeps of a file. Throws `IntoError` "manifest" where it is missing or its hash
 * is not `hash`.
 */
export function readKept(root: string, path: string, hash: string): string {
  const text = readInTree(root, path);
  if (text === undefined) throw broken(`${path} is missing`);
  if (sha256(text) !== hash) throw broken(`${path} is not what was kept there`);
  return text;
}

/** The tree's record of moegen is not one that moegen wrote. */
export function broken(why: string): IntoError {
  return new IntoError(
    "manifest",
    `${STORE} in the tree cannot be trusted: ${why}`,
    "restore the tree from its version control, then build again",
  );
}
