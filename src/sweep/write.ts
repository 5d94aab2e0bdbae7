/** Puts a sweep's tiles into the user's spec file. */
import { findLastProperty, findProperty } from "../check/locate.ts";
import { type Edit, rewriteSpec, WriteError, withEdits } from "../check/rewrite.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import { rowCounts, TILE_AXES } from "../lower/tiles.ts";
import { scheduleOf } from "../schedule/registry.ts";
import { memberParts } from "../spec/member.ts";
import { memberTiles, type SeveralBucket, severalOf } from "../spec/several.ts";
import type { Winner } from "./winners.ts";

/** A winner; of several schedules with the name of its member. */
export interface WrittenWinner extends Pick<Winner, "bucket" | "tiles"> {
  readonly schedule?: string;
}

async function editsOf(
  { text, spec, path }: LoadedSpec,
  { bucket, tiles }: WrittenWinner,
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
export async function withTiles(
  loaded: LoadedSpec,
  winners: readonly WrittenWinner[],
): Promise<string> {
  const several = severalOf(loaded.spec.schedule);
  if (several !== undefined) {
    const buckets = [...new Set(winners.map(({ bucket }) => bucket))];
    const edits = buckets.map((name) => {
      const own = winners.filter(({ bucket }) => bucket === name);
      return severalEdits(loaded, name, several.tiles[name], own);
    });
    return withEdits(loaded.text, (await Promise.all(edits)).flat());
  }
  const edits = await Promise.all(winners.map((winner) => editsOf(loaded, winner)));
  return withEdits(loaded.text, edits.flat());
}

/** Tiles of each schedule in one bucket of several: all that the schedule has, where they are not alike. */
async function severalEdits(
  { text, path }: LoadedSpec,
  bucket: string,
  written: SeveralBucket | undefined,
  winners: readonly WrittenWinner[],
): Promise<readonly Edit[]> {
  const at = ["schedule", "tiles", bucket];
  const edits: Edit[] = [];
  const added: string[] = [];
  for (const { schedule = "", tiles } of winners) {
    const old = written === undefined ? {} : (memberTiles(written, schedule) ?? {});
    const axes = scheduleOf(memberParts(schedule).kind).axes.map(({ name }) => name);
    if (axes.every((axis) => old[axis] === tiles[axis])) continue;
    const { btc } = old;
    const rows = btc === undefined ? {} : { btc: rowCounts(btc, tiles.bt) };
    const made = {
      ...old,
      ...Object.fromEntries(axes.map((axis) => [axis, tiles[axis]])),
      ...rows,
    };
    const value = literal(made);
    const found = await findProperty(text, [...at, schedule]);
    if (found === undefined) added.push(`${schedule}: ${value}`);
    else edits.push({ ...found, text: value });
  }
  if (added.length > 0) {
    const last = await findLastProperty(text, at);
    if (last === undefined) {
      const what = added.join(", ");
      throw new WriteError(`${bucket} is not written in ${path} itself; put ${what} where it is`);
    }
    edits.push({ start: last.end, end: last.end, text: `, ${added.join(", ")}` });
  }
  // Times were predicted for the tiles that were there.
  const times = await findProperty(text, [...at, "predicted"]);
  if (edits.length > 0 && times !== undefined) edits.push({ ...times, text: "{}" });
  return edits;
}

/** Plain data as a spec has it: names without quotes. */
function literal(tiles: object): string {
  const fields = Object.entries(tiles).map(
    ([name, value]) => `${name}: ${JSON.stringify(value).replaceAll(",", ", ")}`,
  );
  return `{ ${fields.join(", ")} }`;
}

/** Returns whether the file changed. */
export async function writeTiles(
  loaded: LoadedSpec,
  winners: readonly WrittenWinner[],
): Promise<boolean> {
  const text = await withTiles(loaded, winners);
  return rewriteSpec(loaded, text, { what: "the winners", during: "the sweep" });
}
