/** Unified diffs as `git apply` takes them, and three-way merges by git. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatPatch, structuredPatch } from "diff";
import { execa } from "execa";

/** The change of one file; empty where there is none. */
export function unifiedDiff(
  path: string,
  before: string | undefined,
  after: string | undefined,
): string {
  if (before === after) return "";
  const from = before === undefined ? "/dev/null" : `a/${path}`;
  const to = after === undefined ? "/dev/null" : `b/${path}`;
  const patch = structuredPatch(from, to, before ?? "", after ?? "", undefined, undefined, {
    context: 3,
  });
  const text = formatPatch(patch).replace(/^=+\n/, "");
  const mode =
    before === undefined
      ? "new file mode 100644\n"
      : after === undefined
        ? "deleted file mode 100644\n"
        : "";
  return `diff --git a/${path} b/${path}\n${mode}${text}`;
}

export interface Merged {
  readonly text: string;
  /** Places where both sides changed the same lines; their text holds conflict markers. */
  readonly conflicts: number;
}

/** `ours` with what changed from `base` to `theirs`. Throws where git cannot be run. */
export async function mergeThree(base: string, ours: string, theirs: string): Promise<Merged> {
  const folder = mkdtempSync(join(tmpdir(), "moegen-merge-"));
  try {
    const names = ["ours", "base", "theirs"] as const;
    const texts = { ours, base, theirs };
    for (const name of names) writeFileSync(join(folder, name), texts[name]);
    const labels = ["the tree", "the last build", "this build"].flatMap((label) => ["-L", label]);
    const args = ["merge-file", "-p", ...labels, ...names];
    const ran = await execa("git", args, { cwd: folder, reject: false, stripFinalNewline: false });
    if (ran.exitCode === undefined || ran.exitCode > 127) {
      throw new Error(`git merge-file failed: ${ran.stderr || ran.shortMessage}`);
    }
    return { text: ran.stdout, conflicts: ran.exitCode };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
