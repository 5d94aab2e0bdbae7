/**
 * Loads a `*.moe.ts` module, which runs in a process of its own (see `loader.ts`); ts-morph, which finds
 * positions, is loaded only when something is wrong.
 */
import { access, constants, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Diagnostic } from "../check/diagnostic.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { isSpec } from "./brand.ts";
import { type Limits, loadApart } from "./loader.ts";

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

/**
 * Runs a spec's module in a process of its own and gives what it exports. Throws `SpecError`, with
 * one diagnostic, for all that keeps a spec from being one.
 */
export async function loadSpec(path: string, limits?: Limits): Promise<LoadedSpec> {
  const absolute = resolve(path);
  const text = await read(absolute);
  const loaded = await loadApart(absolute, limits);
  const made = loaded.kind === "made" ? loaded.made : undefined;
  if (isSpec(made)) return { path: absolute, text, spec: made as MoeSpec };
  const { explainEndless, explainExport, explainFailure } = await import("./failure.ts");
  const diagnostic =
    loaded.kind === "thrown"
      ? await explainFailure(absolute, text, loaded.thrown)
      : loaded.kind === "endless"
        ? explainEndless(absolute, loaded.why)
        : await explainExport(absolute, text, made);
  throw new SpecError([diagnostic], text);
}

async function read(path: string): Promise<string> {
  const wrong = await whyNoSpec(path);
  if (wrong === undefined) return await readFile(path, "utf8");
  const { explainUnreadable } = await import("./failure.ts");
  throw new SpecError([explainUnreadable(path, wrong)], "");
}

/** Why a path cannot be that of a spec, for a sentence; nothing where it can. */
async function whyNoSpec(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "it is a folder";
    if (!found.isFile()) return "it is no plain file";
    if (!SPEC_FILE.test(path)) return "its name does not end in .ts";
    await access(path, constants.R_OK);
    return undefined;
  } catch (cause) {
    return (
      WHY[String(cause instanceof Error ? Reflect.get(cause, "code") : cause)] ?? String(cause)
    );
  }
}

/** TypeScript, and the JavaScript that is some of it. */
const SPEC_FILE = /\.[cm]?[jt]s$/;

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of its path is a file, not a folder",
  EACCES: "permission denied",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "its name is longer than the disk takes",
};
