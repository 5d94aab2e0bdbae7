/** What the documents name exists: links and their headings, paths, commands, options, scripts. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands/registry.ts";
import { EXIT } from "../../src/cli/exit.ts";
import { root } from "../cli/moegen.ts";

const tracked = execFileSync(
  "git",
  ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  {
    cwd: root,
    encoding: "utf8",
  },
)
  .split("\0")
  .filter((name) => name !== "");

const textOf = (name: string): string => readFileSync(join(root, name), "utf8");

/** Every file, and every folder that holds one. */
const there = new Set(
  tracked
    .filter((name) => existsSync(join(root, name)))
    .flatMap((name) => {
      const steps = name.split("/");
      return steps.map((_, at) => steps.slice(0, at + 1).join("/"));
    }),
);

/** What a command makes is ignored by git, and named all the same. */
const ignored = [...textOf(".gitignore").matchAll(/^\/?([\w./-]+?)\/?$/gm)].map(([, path]) => path);

/** A changelog tells of what is gone as well. */
const documents = tracked.filter((name) => name.endsWith(".md") && name !== "CHANGELOG.md");

/** As GitHub makes the address of a heading. */
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const headings = (name: string): readonly string[] =>
  [...textOf(name).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slug(heading));

const withoutBlocks = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "");

function brokenLinks(name: string): readonly string[] {
  const links = withoutBlocks(textOf(name)).matchAll(/\]\(([^)\s]+)\)/g);
  return [...links]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = "", heading] = target.split("#");
      const file = path === "" ? name : normalize(join(dirname(name), path)).replace(/\/$/, "");
      return !there.has(file) || (heading !== undefined && !headings(file).includes(heading));
    });
}

/** Paths from the top of the repository; those with a part to fill in (NAME, *, …) are none. */
function missingPaths(name: string): readonly string[] {
  const found = textOf(name).matchAll(
    /(?<![\w./-])(?:src|templates|python|test|examples|docs)\/[\w./*…{}<>-]*/g,
  );
  return [...found]
    .map(([path]) => path.replace(/[./]+$/, ""))
    .filter((path) => !/[*…{}<>]|\b[A-Z]{2,}\b/.test(path))
    .filter((path) => !ignored.includes(path))
    .filter((path) => !there.has(path) && !there.has(normalize(join(dirname(name), path))));
}

/** Command lines: in blocks and between backticks, from `moegen` to the end. */
function commandLines(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
    block.split("\n").map((line) => line.trim().replace(/^\$ /, "")),
  );
  const spans = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...blocks, ...spans]
    .map((line) => line.replace(/^(npx |npm run -s )/, "").replace(/^moegen -- /, "moegen "))
    .filter((line) => line.startsWith("moegen "))
    .map((line) => line.replace(/ {2,}#.*$/, ""));
}

function wrongCommand(line: string): string | undefined {
  const [, name = "", ...rest] = line.split(/\s+/);
  if (/^(--|ARGS$)/.test(name)) return undefined;
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return `${line}: no command ${name}`;
  const parsed = new Command(name).option("--json").option("--help");
  command.configure(parsed);
  const known = parsed.options.flatMap(({ short, long }) => [short, long]);
  const wrong = rest
    .filter((word) => /^--?[a-z]/.test(word))
    .map((word) => word.replace(/=.*/, ""))
    .find((word) => !known.includes(word));
  return wrong === undefined ? undefined : `${line}: no option ${wrong}`;
}

describe.each(documents)("%s", (name) => {
  it("links to what is there", () => expect(brokenLinks(name)).toEqual([]));

  // The others cite other projects' paths too.
  it.runIf(/^(\w+|docs\/.*)\.md$/.test(name))("names paths that are there", () =>
    expect(missingPaths(name)).toEqual([]),
  );

  it("names commands and options that there are", () => {
    const wrong = commandLines(textOf(name)).map(wrongCommand);
    expect(wrong.filter((line) => line !== undefined)).toEqual([]);
  });

  it("names scripts that there are", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    const named = [...textOf(name).matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, s = ""]) => s);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});

describe("README.md", () => {
  const text = textOf("README.md");

  it("has every command, in the order of --help", () => {
    const rows = [...text.matchAll(/^\| `moegen (\w+)`/gm)].map(([, name]) => name);
    expect(rows).toEqual(commands.map(({ name }) => name));
  });

  it("is what a user needs, and names where the rest is", () => {
    expect(text.split("\n").length).toBeLessThan(250);
    const pages = tracked.filter((name) => name.startsWith("docs/"));
    expect(pages.length).toBeGreaterThan(0);
    expect(pages.filter((name) => !text.includes(`](${name})`))).toEqual([]);
  });

  it("has every exit code", () => {
    const table = text.slice(text.indexOf("| exit code"));
    const said = table.slice(0, table.indexOf("\n\n"));
    const missing = Object.values(EXIT).filter((code) => !new RegExp(`\\b${code}\\b`).test(said));
    expect(missing).toEqual([]);
  });
});

describe("docs/validation.md", () => {
  it("has every case that validate runs", () => {
    const source = textOf("python/moegen_worker/validate/cases.py");
    const names = [...source.matchAll(/^ {4}Case\(\s*"([a-z-]+)"/gm)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(10);
    const text = textOf("docs/validation.md");
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
