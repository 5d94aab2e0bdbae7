/** What version control says of a tree. */
import { execa } from "execa";

/**
 * Tracked files below `root` that differ from the last commit, relative to it. Empty where there is
 * no repository.
 */
export async function uncommitted(root: string): Promise<readonly string[]> {
  const git = (args: readonly string[]) =>
    execa("git", ["-C", root, ...args], { reject: false, stripFinalNewline: false });
  const prefix = await git(["rev-parse", "--show-prefix"]);
  if (prefix.exitCode !== 0) return [];
  const below = prefix.stdout.replace(/\n$/, "");
  const status = await git([
    ...["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--", "."],
  ]);
  if (status.exitCode !== 0) return [];
  return status.stdout
    .split("\0")
    .filter((entry) => entry !== "")
    .map((entry) => entry.slice(3))
    .map((path) => (path.startsWith(below) ? path.slice(below.length) : path));
}
