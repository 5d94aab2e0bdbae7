/** The versions of sgl-jax that a survey goes over, and their files. */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";

export interface Version {
  /** "0.1.0rc0", or a commit's short hash. */
  readonly name: string;
  /** Of the commit; absent for a release. */
  readonly date?: string;
  /** Puts those of `paths` that the version has, files and folders, into an empty folder. */
  readonly into: (folder: string, paths: readonly string[]) => Promise<void>;
}

/** The day of the first commit whose weights are loaded by mappings as moegen's are. */
const SINCE = "2025-11-19T00:00:00Z";

/** Every `every`th commit of a clone, oldest first, and its HEAD. */
export async function commitsOf(clone: string, every: number): Promise<readonly Version[]> {
  const log = ["log", "--reverse", `--since=${SINCE}`, "--format=%h %cs", "HEAD"];
  const { stdout } = await execa("git", ["-C", clone, ...log]);
  const commits = stdout.split("\n").filter((line) => line !== "");
  return commits
    .filter((_, index) => index % every === 0 || index === commits.length - 1)
    .map((line): Version => {
      const [name = "", date = ""] = line.split(" ");
      return { name, date, into: (folder, paths) => extract(clone, name, folder, paths) };
    });
}

async function extract(
  clone: string,
  commit: string,
  folder: string,
  paths: readonly string[],
): Promise<void> {
  const list = ["-C", clone, "ls-tree", "-r", "-z", "--name-only", commit, "--", ...paths];
  const { stdout } = await execa("git", list);
  for (const path of stdout.split("\0").filter((one) => one !== "")) {
    const show = ["-C", clone, "cat-file", "blob", `${commit}:${path}`];
    const { stdout: bytes } = await execa("git", show, {
      encoding: "buffer",
      stripFinalNewline: false,
    });
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** The releases whose unpacked wheels lie below a folder, by their folders' names. */
export function releasesOf(packages: string): readonly Version[] {
  return readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d/.test(entry.name))
    .map(({ name }) => ({
      name,
      into: async (folder) => {
        cpSync(join(packages, name, "sgl_jax"), join(folder, "sgl_jax"), { recursive: true });
      },
    }));
}
