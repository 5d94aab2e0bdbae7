/** A routing file: a histogram of experts, or the experts of each token. */
import { readFileSync } from "node:fs";
import { RoutingError, type Skew } from "./skew.ts";

const WANTED =
  "a JSON array of one number for each expert, or one JSON array of expert ids a line, a token a line";

/**
 * Rows by expert, or the experts of each token, from a file.
 * @throws RoutingError if the file cannot be read or is neither; the message names the line.
 */
export function readRouting(path: string): Skew {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    throw new RoutingError(`cannot read the routing file ${path}: ${(thrown as Error).message}`);
  }
  const lines = text.split("\n").flatMap((line, index) => {
    const trimmed = line.trim();
    return trimmed === "" ? [] : [{ text: trimmed, number: index + 1 }];
  });
  const whole = parsed(text);
  if (whole?.every((entry): entry is number => typeof entry === "number")) {
    // One line of ids could be one token; a histogram is what it is taken for, as it says how many.
    if (whole.some((weight) => !(weight >= 0)) || !whole.some((weight) => weight > 0)) {
      throw new RoutingError(
        `${path}: no histogram: it has a number for each expert, none negative and one above 0`,
      );
    }
    return { kind: "histogram", weights: whole };
  }
  const tokens = lines.map(({ text: line, number }) => {
    const ids = parsed(line);
    const good = ids?.every((id): id is number => Number.isInteger(id) && (id as number) >= 0);
    if (ids === undefined || good !== true) {
      throw new RoutingError(
        `${path}:${number}: not a list of expert ids, 0 or more; wanted: ${WANTED}`,
      );
    }
    return ids as readonly number[];
  });
  if (tokens.length === 0) throw new RoutingError(`${path} is empty; wanted: ${WANTED}`);
  return { kind: "recorded", tokens };
}

function parsed(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
