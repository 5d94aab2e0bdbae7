/**
 * Changes a user's spec file: values alone are replaced or added, everything else stays as it was
 * written. The new text is checked before it takes the place of the old one.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LoadedSpec } from "../dsl/load.ts";
import { checkFile, hasErrors, UNDECIDED } from "./index.ts";

/** The file stays as it was; told apart by its name. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly code = "not-written";
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text with each `[start, end)`, in UTF-16 units of the text as given, replaced. Edits may come
 * in any order; they must not overlap.
 */
export function withEdits(text: string, edits: readonly Edit[]): string {
  return [...edits]
    .sort((a, b) => b.start - a.start)
    .reduce(
      (whole, { start, end, text: value }) => whole.slice(0, start) + value + whole.slice(end),
      text,
    );
}

/** For messages: what is put in, and what took time before it. */
export interface Rewriting {
  readonly what: string;
  readonly during: string;
}

/**
 * Puts `text` in the place of a spec that was loaded. Returns whether the file changed. Throws
 * `WriteError`, and the file stays as it was, where the new text does not check or the file was
 * edited since it was loaded.
 */
export async function rewriteSpec(
  { path, text: before }: LoadedSpec,
  text: string,
  { what, during }: Rewriting,
): Promise<boolean> {
  if (text === before) return false;
  // Beside the spec, so that what it imports is found.
  const trial = join(dirname(path), `.${process.pid}-${basename(path)}`);
  try {
    writeFileSync(trial, text, { flag: "wx" });
    const checked = await checkFile(trial);
    // Other tiles have other times: which schedule is faster is open until they are predicted.
    const diagnostics = checked.diagnostics.filter(({ code }) => code !== UNDECIDED);
    if (hasErrors(diagnostics)) {
      const [first] = diagnostics.filter(({ severity }) => severity === "error");
      throw new WriteError(`with ${what} in it the spec would not check: ${first?.message}`);
    }
    if ((await readFile(path, "utf8")) !== before) {
      throw new WriteError(`${path} was edited during ${during}; run it again to write`);
    }
    renameSync(trial, path);
    return true;
  } finally {
    rmSync(trial, { force: true });
  }
}
