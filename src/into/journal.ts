/**
 * The journal of a transaction, `.moegen/journal.json`. What it says is carried out, so it is read as
 * what anybody may have written: it names what a build can have written, and texts by their hashes.
 */
import { broken, generatedOf, isHash, MANIFEST, originalOf, sha256 } from "./manifest.ts";
import { readInTree, STORE } from "./paths.ts";
import { writableIn } from "./writable.ts";

export const STAGE = `${STORE}/stage`;
export const JOURNAL = `${STORE}/journal.json`;

export interface Step {
  readonly path: string;
  /** SHA-256 before and after; null: no file. */
  readonly before: string | null;
  readonly after: string | null;
  /** Name of the new text in the stage. */
  readonly staged?: string;
}

export interface Journal {
  /** In order; the manifest is the last. */
  readonly steps: readonly Step[];
  /** Folders to take away when they are empty, innermost first. */
  readonly folders: readonly string[];
}

/** Path of a staged text below the tree. */
export function stagedFile(name: string): string {
  return `${STAGE}/${name}`;
}

/** Throws `IntoError` where no build can have left such a journal. */
export function readJournal(root: string): Journal {
  let value: unknown;
  try {
    value = JSON.parse(readInTree(root, JOURNAL) ?? "");
  } catch (error) {
    if (error instanceof SyntaxError) throw broken("its journal is not JSON");
    throw error;
  }
  const { steps, folders } = (value ?? {}) as Partial<Record<keyof Journal, unknown>>;
  if (!Array.isArray(steps) || !Array.isArray(folders)) {
    throw broken("its journal has no list of steps and of folders");
  }
  const writable = writableIn();
  for (const step of steps) checkStep(root, step, writable.file);
  for (const folder of folders) {
    if (typeof folder !== "string" || !writable.folder(folder)) {
      throw broken(`its journal names ${JSON.stringify(folder)}, a folder that no build makes`);
    }
  }
  // Every field was looked at above.
  return value as Journal;
}

function checkStep(root: string, value: unknown, isFile: (path: string) => boolean): void {
  const { path, before, after, staged } = (value ?? {}) as Partial<Record<keyof Step, unknown>>;
  if (typeof path !== "string" || !isStep(path, isFile)) {
    throw broken(`its journal names ${JSON.stringify(path)}, a file that no build writes`);
  }
  const hashed = [before, after].every((hash) => hash === null || isHash(hash));
  const isNumber = typeof staged === "string" && /^\d{1,6}$/.test(staged);
  if (!hashed || (after === null ? staged !== undefined : !isNumber)) {
    throw broken(`its journal does not say what becomes of ${path}`);
  }
  if (!isNumber) return;
  // In its place already, the text is in the stage no more.
  const text = readInTree(root, stagedFile(staged));
  if (text !== undefined && sha256(text) !== after) {
    throw broken(`its journal has another text for ${path} than it says`);
  }
}

/** A file of the tree, or what the store keeps of one. */
function isStep(path: string, isFile: (path: string) => boolean): boolean {
  if (path === MANIFEST) return true;
  const kept = [originalOf(""), generatedOf("")].find((folder) => path.startsWith(folder));
  return isFile(kept === undefined ? path : path.slice(kept.length));
}
