/** The worker's part: probing and editing Python. Texts go in and come out; it touches no file. */
import { realpathSync } from "node:fs";
import { sep } from "node:path";
import { root as moegenFolder } from "../house/paths.mjs";
import { EnvironmentError, type LocalWorker, WorkerError, withWorker } from "../runner/index.ts";
import { defined } from "../spec/defined.ts";
import type { ExpressionAnchor, FileEdits, StatementAnchor } from "../target/tree/edit.ts";
import { IntoError } from "./errors.ts";

export interface Probed {
  readonly path: string;
  /** Symbols that are not there, with the nearest that are. */
  readonly missing?: Readonly<Record<string, readonly string[]>>;
  /** For each place that was asked for: nothing, or why it is not there once. */
  readonly places?: readonly (Misplaced | null)[];
  /** Why the text is not Python. */
  readonly broken?: string;
}

export interface Misplaced {
  readonly problem: string;
  readonly found: readonly string[];
}

/** A file with what is looked for in it. */
export interface Sought {
  readonly path: string;
  readonly text: string;
  readonly symbols: readonly string[];
  readonly places?: readonly (StatementAnchor | ExpressionAnchor)[];
}

interface Problem {
  readonly path: string;
  readonly symbol: string;
  readonly sought: string;
  readonly problem: string;
  readonly found: readonly string[];
}

/** The worker with its two operations on texts of a tree; `edit` throws. */
export class TreeWorker {
  readonly #local: LocalWorker;

  constructor(local: LocalWorker) {
    this.#local = local;
  }

  async probe(files: readonly Sought[]): Promise<readonly Probed[]> {
    const result = await this.#local.worker.request<{ files: Probed[] }>("probe", { files });
    return result.files;
  }

  /** Path → edited text. Throws `IntoError` naming every place that is missing or ambiguous. */
  async edit(
    files: readonly (FileEdits & { readonly text: string })[],
    firstParty: string,
  ): Promise<ReadonlyMap<string, string>> {
    const params = { files, firstParty: [firstParty] };
    try {
      const result = await this.#local.worker.request<{
        files: { path: string; text: string }[];
      }>("edit", params);
      return new Map(result.files.map(({ path, text }) => [path, text]));
    } catch (error) {
      if (!(error instanceof WorkerError)) throw error;
      if (error.code === "PACKAGES") {
        throw new EnvironmentError("broken-python", error.message, "moegen doctor --fix");
      }
      if (error.code !== "ANCHOR") throw error;
      throw anchorError(error.detail.problems as readonly Problem[]);
    }
  }
}

/** Starts a worker for as long as `work` takes. Where the user stands in the tree, its `.venv` is not run. */
export function withTreeWorker<T>(
  tree: string,
  signal: AbortSignal | undefined,
  work: (worker: TreeWorker) => Promise<T>,
): Promise<T> {
  const here = realpathSync(process.cwd());
  const within = here === tree || here.startsWith(tree + sep);
  const options = {
    ...defined({ signal }),
    ...(within ? { cwd: moegenFolder } : {}),
  };
  return withWorker(options, (local) => work(new TreeWorker(local)));
}

function anchorError(problems: readonly Problem[]): IntoError {
  const lines = problems.map(({ path, problem, found }) => {
    const there = found.length === 0 ? "nothing like it" : found.join("; ");
    return `${path}: ${problem}\n    found: ${there}`;
  });
  const places = problems.length === 1 ? "a place" : `${problems.length} places`;
  return new IntoError(
    "anchor",
    `${places} to edit could not be found; nothing was written\n  ${lines.join("\n  ")}`,
    "build into a clean checkout of a tree that moegen knows",
  );
}
