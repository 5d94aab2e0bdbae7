/** Puts predicted times into the buckets of the user's spec file. */
import { findLastProperty, findProperty } from "../check/locate.ts";
import { type Edit, rewriteSpec, WriteError, withEdits } from "../check/rewrite.ts";
import type { LoadedSpec } from "../dsl/load.ts";

export interface PredictedCall {
  readonly bucket: string;
  readonly device: string;
  /** Microseconds by the field that has them: `fused` or each schedule, and `epmoe`. */
  readonly times: Readonly<Record<string, number>>;
}

/** What a prediction is good for: more digits would look like more. */
const DIGITS = 3;
const rounded = (microseconds: number): number => Number(microseconds.toPrecision(DIGITS));

async function editOf(
  { text, path }: LoadedSpec,
  bucket: string,
  calls: readonly PredictedCall[],
): Promise<Edit> {
  const times = calls.map(({ device, times: by }) => {
    const fields = Object.entries(by).map(([name, time]) => `${name}: ${rounded(time)}`);
    return `${device}: { ${fields.join(", ")} }`;
  });
  const value = `{ ${times.join(", ")} }`;
  const found = await findProperty(text, ["schedule", "tiles", bucket, "predicted"]);
  if (found !== undefined) return { ...found, text: value };
  const last = await findLastProperty(text, ["schedule", "tiles", bucket]);
  if (last === undefined) {
    throw new WriteError(
      `${bucket} is not written in ${path} itself; set its predicted to ${value} where it is`,
    );
  }
  const put = (at: number, inserted: string): Edit => ({ start: at, end: at, text: inserted });
  // On a line of its own where the property before it is, behind that one's comment.
  const indent = text.slice(text.lastIndexOf("\n", last.start) + 1, last.start);
  if (!/^\s+$/.test(indent)) return put(last.end, `, predicted: ${value}`);
  const rest = text.slice(last.end).split("\n", 1)[0] ?? "";
  if (!rest.startsWith(",")) return put(last.end, `,\n${indent}predicted: ${value}`);
  return put(last.end + rest.length, `\n${indent}predicted: ${value},`);
}

/** Returns whether the file changed. */
export async function writePredictions(
  loaded: LoadedSpec,
  calls: readonly PredictedCall[],
): Promise<boolean> {
  const buckets = [...new Set(calls.map(({ bucket }) => bucket))];
  const edits = await Promise.all(
    buckets.map((name) =>
      editOf(
        loaded,
        name,
        calls.filter(({ bucket }) => bucket === name),
      ),
    ),
  );
  const text = withEdits(loaded.text, edits);
  return rewriteSpec(loaded, text, { what: "the times", during: "the prediction" });
}
