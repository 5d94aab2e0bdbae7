/** Turns a failed load into a diagnostic with a place in the spec. */

import { type Code, codes } from "../check/codes.ts";
import type { Diagnostic } from "../check/diagnostic.ts";
import { locateImport, type Place, syntaxError } from "../check/locate.ts";
import { displayPath } from "../check/place.ts";
import { show } from "../spec/show.ts";

const START: Place = { line: 1, column: 1, endColumn: 2 };

function failure(
  code: Code,
  path: string,
  place: Place,
  message: string,
  nearest: readonly string[] = [],
): Diagnostic {
  const file = displayPath(path);
  return {
    code,
    severity: "error",
    file,
    ...place,
    message,
    trace: ["spec"],
    rule: codes[code].rule,
    nearest,
  };
}

/** MOE001, at the start of the file: `why` it cannot be read. */
export function explainUnreadable(path: string, why: string): Diagnostic {
  return failure("MOE001", path, START, why);
}

/** MOE006, at the start of the file: `why` its process was ended. */
export function explainEndless(path: string, why: string): Diagnostic {
  return failure("MOE006", path, START, `the spec does not come to its end: ${why}`);
}

/**
 * Why loading ended: MOE002 where the text is no TypeScript, else MOE003 at the import that is not
 * found, or at the innermost line of the spec in the stack of `cause`.
 */
export async function explainFailure(
  path: string,
  text: string,
  cause: unknown,
): Promise<Diagnostic> {
  const syntax = await syntaxError(text);
  if (syntax !== undefined) {
    return failure("MOE002", path, syntax.place, syntax.message);
  }
  const missing = /Cannot find (?:module|package) '([^']+)'/.exec(messageOf(cause))?.[1];
  const place =
    (missing === undefined ? undefined : await locateImport(text, missing)) ??
    placeInStack(path, text, cause) ??
    START;
  const message =
    missing === undefined
      ? `loading the spec throws: ${messageOf(cause)}`
      : `cannot import ${show(relativeTo(path, missing))}`;
  return failure("MOE003", path, place, message);
}

/**
 * What is wrong with the default export: MOE004 where there is none, MOE005 where `moe()` did not
 * make it.
 */
export async function explainExport(
  path: string,
  text: string,
  made: unknown,
): Promise<Diagnostic> {
  const { locate } = await import("../check/locate.ts");
  const nearest = ["export default moe({ … })"];
  if (made === undefined) {
    const message = "the spec has no default export";
    return failure("MOE004", path, START, message, nearest);
  }
  const place = await locate(text, { path: [] });
  const message = `the default export is ${show(made)}, not made by moe()`;
  return failure("MOE005", path, place, message, nearest);
}

function messageOf(cause: unknown): string {
  // A spec may throw anything, also what cannot be made a string.
  const text = cause instanceof Error ? cause.message : show(cause);
  const line = text.split("\n")[0]?.trim() ?? text;
  // Transpiling writes a call of an import as (0, _module.name)(…).
  return line.replace(/\(0 ?, ?_\w+\.(\w+)\)/g, "$1");
}

/** A path as the spec could have written it; module names stay. */
function relativeTo(path: string, missing: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return missing.startsWith(folder) ? `./${missing.slice(folder.length)}` : missing;
}

/** The innermost frame in the spec. Transpiling keeps lines; its columns are not the author's. */
function placeInStack(path: string, text: string, cause: unknown): Place | undefined {
  const stack = cause instanceof Error ? (cause.stack ?? "") : "";
  const frame = stack.split("\n").find((line) => line.includes(`${path}:`));
  const number = Number(frame?.slice(frame.indexOf(`${path}:`) + path.length + 1).split(":")[0]);
  const line = text.split("\n")[number - 1];
  if (line === undefined) return undefined;
  const column = line.length - line.trimStart().length + 1;
  return { line: number, column, endColumn: Math.max(column + 1, line.trimEnd().length + 1) };
}
