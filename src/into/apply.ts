/** From the files compared to the changes of one transaction. */
import { existsSync } from "node:fs";
import type { Compared } from "./compare.ts";
import { STOPPING } from "./compare.ts";
import { unifiedDiff } from "./diff.ts";
import type { Disk } from "./disk.ts";
import { IntoError } from "./errors.ts";
import {
  generatedOf,
  MANIFEST,
  type Manifest,
  originalOf,
  renderManifest,
  type SpecRecord,
} from "./manifest.ts";
import { foldersOf, inTree, readInTree } from "./paths.ts";
import { type Change, commit } from "./transaction.ts";

/** Throws `IntoError` where a file is not what moegen left, with the diff of each. */
export function refuseHandEdits(compared: readonly Compared[]): void {
  const stopping = compared.filter(({ state }) => STOPPING.includes(state));
  if (stopping.length === 0) return;
  const conflict = stopping.some(({ state }) => state === "conflict");
  const parts = stopping.map(({ path, state, base, now, next }) =>
    state === "conflict"
      ? `${path} has conflicts:\n${unifiedDiff(path, now, next)}`
      : `${path} is ${state === "in the way" ? "in the way of a new file" : "edited by hand"}:\n` +
        unifiedDiff(path, base, now),
  );
  throw new IntoError(
    conflict ? "conflict" : "hand-edited",
    `nothing was written, because\n${parts.join("\n")}`,
    conflict
      ? "edit the file so that it merges, or give --force to overwrite it"
      : "--merge keeps the edits (three-way), --force overwrites them",
  );
}

export interface NextManifest {
  readonly moegen: string;
  readonly tree: string;
  readonly specs: Readonly<Record<string, SpecRecord>>;
}

/** Writes all that differs. True where anything did. */
export function apply(
  root: string,
  compared: readonly Compared[],
  old: Manifest | undefined,
  next: NextManifest | undefined,
  disk: Disk,
): boolean {
  const kept = compared.flatMap(({ path, record }) =>
    next === undefined || record === undefined ? [] : [[path, record] as const],
  );
  const used = new Set(kept.flatMap(([path]) => foldersOf(path)));
  const made = new Set(old?.folders ?? []);
  for (const folder of used) if (!existsSync(inTree(root, folder))) made.add(folder);
  const left = [...made].filter((folder) => !used.has(folder));
  const manifest: Manifest | undefined =
    next === undefined
      ? undefined
      : {
          schema: 1,
          ...next,
          files: Object.fromEntries(kept),
          folders: [...made].filter((folder) => used.has(folder)),
        };
  const changes: readonly Change[] = [
    ...compared.flatMap(({ path, next: text, original, generated }) => [
      { path, text },
      { path: originalOf(path), text: manifest && original },
      { path: generatedOf(path), text: manifest && generated },
    ]),
    { path: MANIFEST, text: manifest && renderManifest(manifest) },
  ];
  if (changes.every(({ path, text }) => readInTree(root, path) === text)) return false;
  commit(
    root,
    changes,
    [...left].sort((a, b) => b.length - a.length),
    disk,
  );
  return true;
}
