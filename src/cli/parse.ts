/** Parsers of option values: wrong ones end in a usage error that says what is right. */
import { InvalidArgumentError } from "commander";

/** A whole number >= 1. Throws InvalidArgumentError, from which commander makes a usage error. */
export function positive(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError("It must be a whole number of at least 1.");
  }
  return value;
}

/** A whole number >= 0 that fits 32 bits. Throws InvalidArgumentError. */
export function seed(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value >= 2 ** 32) {
    throw new InvalidArgumentError("It must be a whole number from 0 to 4294967295.");
  }
  return value;
}

/** Numbers separated by commas, e.g. `64,2048`. Throws InvalidArgumentError. */
export function positiveList(text: string): readonly number[] {
  return text.split(",").map((part) => positive(part.trim()));
}

/**
 * A parser of words separated by commas, each one of `known`, told once. It throws
 * InvalidArgumentError.
 */
export function wordList(known: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const words = text.split(",").map((word) => word.trim());
    const wrong = words.filter((word) => !known.includes(word));
    if (wrong.length > 0 || words.length === 0) {
      throw new InvalidArgumentError(`Known: ${known.join(", ")}.`);
    }
    return [...new Set(words)];
  };
}

/** A time as `90s`, `10m` or `2h`, in seconds. Throws InvalidArgumentError. */
export function duration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(text);
  const value = Number(found?.[1]) * ({ s: 1, m: 60, h: 3600 }[found?.[2] ?? ""] ?? Number.NaN);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a time, e.g. 90s, 10m or 2h.");
  return value;
}
