/** A JSON file that a user names: read, or refused in one line that says what it is instead. */
import { statSync } from "node:fs";
import { UsageError } from "../failure.ts";
import { readIfThere, refuseSpecial } from "../files.ts";

export interface JsonFile {
  /** As JSON has it: what Python writes beyond it is put in other words. */
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Throws UsageError for anything but a file that holds one JSON object. */
export function readJsonObject(path: string): JsonFile {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new UsageError(`${path} is a folder; name the config.json in it`);
  }
  refuseSpecial(path, "save the config to a file and name that");
  const written = readIfThere(path);
  if (written === undefined) throw new UsageError(`there is no file ${path}`);
  const text = withoutPython(written);
  const value = parse(text, path);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { text, value: { ...value } };
  }
  throw new UsageError(`${path} is ${kindOf(value)}; a config.json is one JSON object`);
}

function parse(text: string, path: string): unknown {
  if (text.trim() === "")
    throw new UsageError(`${path} is empty; a config.json is one JSON object`);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const [why] = thrown instanceof Error ? thrown.message.split("\n") : [];
    throw new UsageError(`${path} is not JSON: ${why ?? "it does not parse"}`);
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

/**
 * Python's json writes Infinity and NaN, which JSON does not have: 1e999 is read as the former, and
 * null says no less than the latter. Strings stay as they are.
 */
function withoutPython(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\bInfinity\b|\bNaN\b/g, (found) => {
    if (found === "Infinity") return "1e999";
    return found === "NaN" ? "null" : found;
  });
}
