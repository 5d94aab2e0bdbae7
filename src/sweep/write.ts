/** Puts a sweep's tiles into the user's spec file. */
import { findProperty } from "../check/locate.ts";
import { type Edit, rewriteSpec, WriteError, withEdits } from "../check/rewrite.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import { rowCounts, TILE_AXES } from "../lower/tiles.ts";
import type { Tiles } from "./record.ts";
import type { Winner } from "./winners.ts";

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
  const written = spec.schedule.tiles[bucket];
  for (const axis of TILE_AXES) {
    // Of an axis that the schedule does not tile nothing is written.
    if (written?.[axis] !== undefined) await put(axis, String(tiles[axis]));
  }
  const { btc, predicted } = written ?? {};
  if (btc !== undefined && btc.at(-1) !== tiles.bt) {
    await put("btc", `[${rowCounts(btc, tiles.bt)?.join(", ")}]`);
  }
  // Times were predicted for the tiles that were there.
  if (predicted !== undefined && edits.length > 0) await put("predicted", "{}");
  return edits;
}

/** The spec's text with every winner in place; the text itself where nothing changes. */
export async function withTiles(loaded: LoadedSpec, winners: readonly Winner[]): Promise<string> {
  const edits = await Promise.all(
    winners.map(({ bucket, tiles }) => editsOf(loaded, bucket, tiles)),
  );
  return withEdits(loaded.text, edits.flat());
}

/** Returns whether the file changed. */
export async function writeTiles(loaded: LoadedSpec, winners: readonly Winner[]): Promise<boolean> {
  const text = await withTiles(loaded, winners);
  return rewriteSpec(loaded, text, { what: "the winners", during: "the sweep" });
}
