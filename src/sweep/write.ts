/**
 * Puts tiles into the user's spec file: the numbers alone are replaced, everything else stays as it
 * was written. The new text is checked before it takes the place of the old one.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { checkFile, hasErrors } from "../check/index.ts";
import { findProperty } from "../check/locate.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import { rowCounts } from "../plan/tiles.ts";
import type { Tiles } from "./record.ts";
import type { Winner } from "./winners.ts";

/** The file stays as it was; told apart by its name. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly code = "not-written";
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const AXES = ["bt", "bf", "bd"] as const;

async function editsOf(
  { text, spec, path }: LoadedSpec,
  bucket: string,
  tiles: Tiles,
): Promise<readonly Edit[]> {
  const edits: Edit[] = [];
  const put = async (name: string, value: string): Promise<void> => {
    const found = await findProperty(text, ["schedule", "tiles", bucket, name]);
    if (found === undefined) {
      throw new WriteError(
        `${name} of ${bucket} is not written in ${path} itself; set it to ${value} where it is`,
      );
    }
    if (text.slice(found.start, found.end) !== value) edits.push({ ...found, text: value });
  };
  for (const axis of AXES) await put(axis, String(tiles[axis]));
  const { btc } = spec.schedule.tiles[bucket] ?? {};
  if (btc !== undefined && btc.at(-1) !== tiles.bt) {
    await put("btc", `[${rowCounts(btc, tiles.bt)?.join(", ")}]`);
  }
  return edits;
}

/** The spec's text with every winner in place; the text itself where nothing changes. */
export async function withTiles(loaded: LoadedSpec, winners: readonly Winner[]): Promise<string> {
  const edits = (
    await Promise.all(winners.map(({ bucket, tiles }) => editsOf(loaded, bucket, tiles)))
  ).flat();
  return [...edits]
    .sort((a, b) => b.start - a.start)
    .reduce(
      (text, { start, end, text: value }) => text.slice(0, start) + value + text.slice(end),
      loaded.text,
    );
}

/** Returns whether the file changed. */
export async function writeTiles(loaded: LoadedSpec, winners: readonly Winner[]): Promise<boolean> {
  const text = await withTiles(loaded, winners);
  if (text === loaded.text) return false;
  const { path } = loaded;
  // Beside the spec, so that what it imports is found.
  const trial = join(dirname(path), `.${process.pid}-${basename(path)}`);
  try {
    writeFileSync(trial, text, { flag: "wx" });
    const { diagnostics } = await checkFile(trial);
    if (hasErrors(diagnostics)) {
      const [first] = diagnostics.filter(({ severity }) => severity === "error");
      throw new WriteError(`with the winners in it the spec would not check: ${first?.message}`);
    }
    if ((await readFile(path, "utf8")) !== loaded.text) {
      throw new WriteError(
        `${path} was edited during the sweep; run it again to write (it resumes)`,
      );
    }
    renameSync(trial, path);
    return true;
  } finally {
    rmSync(trial, { force: true });
  }
}
