/** Formats Python in Node, without starting Python. CI proves that Black leaves it unchanged. */
import { PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-nodejs";

let workspace: Workspace | undefined;

/** Line length and target as in sgl-jax's own settings. */
export function formatPython(source: string): string {
  workspace ??= new Workspace(
    { "line-length": 100, "target-version": "py310" },
    PositionEncoding.Utf16,
  );
  return workspace.format(source);
}
