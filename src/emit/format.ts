/** Formats Python in Node, without starting Python. CI proves that Black leaves it unchanged. */
import { PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-nodejs";
import { withoutStrayBlanks } from "./blanks.ts";
import { wrapProse } from "./prose.ts";

let workspace: Workspace | undefined;

/** Prose and code of at most 100 columns. Line length and target as in sgl-jax's own settings. */
export function formatPython(source: string): string {
  workspace ??= new Workspace(
    { "line-length": 100, "target-version": "py310" },
    PositionEncoding.Utf16,
  );
  return wrapProse(workspace.format(withoutStrayBlanks(source)));
}
