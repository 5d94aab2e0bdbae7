/**
 * Loads a `*.moe.ts` module. Only this file runs the user's code; ts-morph, which finds positions,
 * is loaded only when something is wrong.
 */
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import type { Diagnostic } from "../check/diagnostic.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { isSpec } from "./brand.ts";

export interface LoadedSpec {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly spec: MoeSpec;
}

/** A spec that could not be loaded; carries what `renderDiagnostics` prints. */
export class SpecError extends Error {
  override readonly name = "SpecError";
  readonly diagnostics: readonly Diagnostic[];
  /** The file's text, for the excerpt; empty where it could not be read. */
  readonly text: string;

  constructor(diagnostics: readonly Diagnostic[], text: string) {
    super(diagnostics.map(({ message }) => message).join("; "));
    this.diagnostics = diagnostics;
    this.text = text;
  }
}

/** `moegen` in a spec means this copy of the package: its source under test, its build otherwise. */
const ENTRY = fileURLToPath(new URL(`../index${extname(import.meta.url)}`, import.meta.url));

// A fresh module cache for every load, so that `build --watch` sees a changed spec or config;
// transpiled text is cached on disk by content, which is what makes a warm load quick.
const jiti = createJiti(import.meta.url, { alias: { moegen: ENTRY }, moduleCache: false });

export async function loadSpec(path: string): Promise<LoadedSpec> {
  const absolute = resolve(path);
  const text = await read(absolute);
  let exported: unknown;
  try {
    exported = await jiti.import(absolute);
  } catch (cause) {
    const { explainFailure } = await import("./failure.ts");
    throw new SpecError([await explainFailure(absolute, text, cause)], text);
  }
  const made = defaultOf(exported);
  if (made !== undefined && isSpec(made)) return { path: absolute, text, spec: made as MoeSpec };
  const { explainExport } = await import("./failure.ts");
  throw new SpecError([await explainExport(absolute, text, made)], text);
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const { explainUnreadable } = await import("./failure.ts");
    throw new SpecError([explainUnreadable(path, cause)], "");
  }
}

function defaultOf(exported: unknown): unknown {
  return typeof exported === "object" && exported !== null && "default" in exported
    ? exported.default
    : undefined;
}
