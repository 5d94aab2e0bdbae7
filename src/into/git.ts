/** What version control says of a tree. */
import { execa } from "execa";

/**
 * Tracked files below `root` that differ from the last commit, relative to it. Empty where there is
 * no repository. The repository's own settings come with the tree, so nothing that they name is run:
 * no monitor, no hook, no filter, no transport.
 */
export async function uncommitted(root: string): Promise<readonly string[]> {
  const git = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    execa("git", ["-C", root, ...args], { env, reject: false, stripFinalNewline: false });
  const prefix = await git(["rev-parse", "--show-prefix"]);
  if (prefix.exitCode !== 0) return [];
  const below = prefix.stdout.replace(/\n$/, "");
  const own = await git(["config", "--list", "--name-only", "-z", "--show-scope"]);
  const status = await git(
    [
      ...["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames"],
      ...["--ignore-submodules=all", "--", "."],
    ],
    quiet(own.stdout),
  );
  if (status.exitCode !== 0) return [];
  return status.stdout
    .split("\0")
    .filter((entry) => entry !== "")
    .map((entry) => entry.slice(3))
    .map((path) => (path.startsWith(below) ? path.slice(below.length) : path));
}

/** An environment whose settings take the place of those of the repository that name programs. */
function quiet(listed: string): Readonly<Record<string, string>> {
  const fields = listed.split("\0");
  const filters = new Set<string>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const filter = /^(filter\..*)\.(clean|process|smudge|required)$/s.exec(
      fields[at + 1] ?? "",
    )?.[1];
    // A user's own, as of large files, are wanted.
    const scope = fields[at];
    if (filter !== undefined && (scope === "local" || scope === "worktree")) filters.add(filter);
  }
  const settings: readonly (readonly [string, string])[] = [
    ["core.fsmonitor", "false"],
    ["core.hooksPath", "/dev/null"],
    ...[...filters].flatMap((filter): readonly (readonly [string, string])[] => [
      [`${filter}.clean`, ""],
      [`${filter}.process`, ""],
      [`${filter}.required`, "false"],
    ]),
  ];
  // Behind what the user's own environment sets.
  const first = Number(process.env.GIT_CONFIG_COUNT ?? 0) || 0;
  return {
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "none",
    GIT_CONFIG_COUNT: String(first + settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${first + index}`, key],
        [`GIT_CONFIG_VALUE_${first + index}`, value],
      ]),
    ),
  };
}
