/** What a build or a revert does to each file, and what stands in its way. */

import { defined } from "../spec/defined.ts";
import type { DesiredFile } from "./desired.ts";
import { mergeThree } from "./diff.ts";
import {
  type FileRecord,
  generatedOf,
  type Manifest,
  originalOf,
  readKept,
  sha256,
} from "./manifest.ts";
import { readInTree } from "./paths.ts";

/** What becomes of edits that somebody made by hand. */
export type HandEdits = "stop" | "force" | "merge";

export type FileState =
  | "unchanged"
  /** Made. */
  | "new"
  /** Made before, made anew. */
  | "changed"
  /** Was in the tree before moegen, edited. */
  | "edited"
  /** Hand edits and what is generated, together. */
  | "merged"
  /** Taken away again. */
  | "removed"
  /** As it was before moegen. */
  | "restored"
  /** Not as the last build left it: stops the build. */
  | "hand-edited"
  /** In the way of a new file, and not moegen's: stops the build. */
  | "in the way"
  /** Cannot be merged: stops the build. */
  | "conflict";

/** States that stop a build. */
export const STOPPING: readonly FileState[] = ["hand-edited", "in the way", "conflict"];

export interface Compared {
  readonly path: string;
  readonly state: FileState;
  /** What is there now, and what shall be. */
  readonly now: string | undefined;
  readonly next: string | undefined;
  /** What the last build generated; of a file in the way: what this one would. */
  readonly base: string | undefined;
  /** For the next manifest, absent where the file is moegen's no more. */
  readonly record?: FileRecord;
  /** What the next manifest keeps beside it. */
  readonly original?: string;
  readonly generated?: string;
}

/** Every file that is desired or was written before, in the order of the paths. */
export async function compare(
  root: string,
  desired: ReadonlyMap<string, DesiredFile>,
  /** Paths of the desired files that are edits of files of the tree. */
  edits: ReadonlySet<string>,
  manifest: Manifest | undefined,
  handEdits: HandEdits,
): Promise<readonly Compared[]> {
  const paths = new Set([...desired.keys(), ...Object.keys(manifest?.files ?? {})]);
  const compared: Compared[] = [];
  for (const path of [...paths].sort()) {
    const record = manifest?.files[path];
    const now = readInTree(root, path);
    const want = desired.get(path);
    compared.push(
      record === undefined
        ? fresh(path, now, want, edits.has(path), handEdits)
        : await known(root, path, now, want, record, handEdits),
    );
  }
  return compared;
}

/** A file that no build has touched yet. */
function fresh(
  path: string,
  now: string | undefined,
  want: DesiredFile | undefined,
  isEdit: boolean,
  handEdits: HandEdits,
): Compared {
  if (want === undefined) throw new RangeError(`${path} is neither desired nor recorded`);
  const blocked = !isEdit && now !== undefined && now !== want.text && handEdits !== "force";
  const state: FileState = blocked
    ? "in the way"
    : now === want.text
      ? "unchanged"
      : now === undefined
        ? "new"
        : isEdit
          ? "edited"
          : "changed";
  return { path, state, now, ...keep(want, want.text, now), base: want.text };
}

/** A file that a build wrote. */
async function known(
  root: string,
  path: string,
  now: string | undefined,
  want: DesiredFile | undefined,
  record: FileRecord,
  handEdits: HandEdits,
): Promise<Compared> {
  const original =
    record.before === null ? undefined : readKept(root, originalOf(path), record.before);
  const base = readKept(root, generatedOf(path), record.generated);
  const goal = want?.text ?? original;
  const after = (next: string | undefined, state: FileState): Compared =>
    want === undefined
      ? { path, state, now, next, base }
      : { path, state, now, base, ...keep(want, next, original) };
  const done: FileState =
    want !== undefined ? "changed" : original === undefined ? "removed" : "restored";
  const asLeft = now !== undefined && sha256(now) === record.after;
  // Hand edits that were merged before stand as long as nothing else is generated.
  if (asLeft && record.generated !== record.after && goal === base) return after(now, "unchanged");
  if (now === goal) return after(now, want === undefined ? done : "unchanged");
  if (now === undefined || now === base || handEdits === "force") return after(goal, done);
  if (handEdits === "stop") return after(now, "hand-edited");
  if (goal === undefined) return after(now, "conflict");
  const { text, conflicts } = await mergeThree(base, now, goal);
  if (conflicts > 0) return after(text, "conflict");
  return after(text, want === undefined ? "restored" : text === now ? "unchanged" : "merged");
}

/** What the manifest will say of a file that stays moegen's. */
function keep(
  want: DesiredFile,
  next: string | undefined,
  original: string | undefined,
): Pick<Compared, "next" | "record" | "original" | "generated"> {
  const record: FileRecord = {
    before: original === undefined ? null : sha256(original),
    generated: sha256(want.text),
    after: sha256(next ?? ""),
    ...defined({ kernel: want.kernel }),
  };
  return {
    next,
    record,
    generated: want.text,
    ...defined({ original }),
  };
}
