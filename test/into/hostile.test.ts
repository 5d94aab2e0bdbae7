/** Trees made by somebody who wants moegen to write, take away or run something. */
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { revertInto } from "../../src/into/build.ts";
import { disk } from "../../src/into/disk.ts";
import { uncommitted } from "../../src/into/git.ts";
import { MANIFEST, sha256 } from "../../src/into/manifest.ts";
import { treeRoot } from "../../src/into/paths.ts";
import { recover } from "../../src/into/transaction.ts";
import { writableIn } from "../../src/into/writable.ts";
import { trees } from "../../src/target/tree/registry.ts";
import { emptyFolder, moegen } from "../cli/moegen.ts";
import { contents, folders, smallTree, tinySpec } from "./tree.ts";

const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const KERNELS = "sgl_jax/srt/kernels/fused_moe";
const EVIL = "[core]\n\tfsmonitor = touch /tmp/owned\n";

/** Paths that no build writes, in the spellings that some disk or system takes for another. */
const STRANGE = [
  ...[".git/config", ".git/commondir", ".git/hooks/post-checkout", ".hg/hgrc", ".jj/repo/config"],
  ...[".GIT/config", ".Git/config", "git~1/config", "GIT~1/config", ".git./config", ".git /config"],
  ...[
    ".git\u200c/config",
    ".g\u200dit/config",
    "\ufeff.git/config",
    ".git::$INDEX_ALLOCATION/config",
  ],
  ...["sgl_jax/.git/config", `${KERNELS}/.git/config`, `${KERNELS}/tiny/.git`, ".git"],
  ...[
    "../outside.py",
    "/etc/outside.py",
    "sgl_jax/../../outside.py",
    "./sgl_jax/x.py",
    "sgl_jax//x.py",
  ],
  ...[
    "..\\outside.py",
    ".git\\config",
    "sgl_jax\\..\\.git\\config",
    "C:\\outside.py",
    "\\\\host\\x",
  ],
  ...["", ".", "..", "/", "a\0b", `${MODEL}\0`, `${MODEL}/`, `${MODEL.toUpperCase()}`],
  ...[MANIFEST, ".moegen/original/.git/config", ".envrc", ".vscode/tasks.json"],
  ...["setup.py", "pyproject.toml", "conftest.py", "sitecustomize.py", "sgl_jax/__init__.py"],
  ...[
    `${KERNELS}/tiny/kernel.pyc`,
    `${KERNELS}/tiny/deep/kernel.py`,
    `${KERNELS}/other/kernel.txt`,
  ],
  ...["__proto__", "constructor", "node_modules/x/index.js"],
];

/** A tree with version control, and whatever the store is given. */
function treeWith(store: Readonly<Record<string, string>>): string {
  const tree = emptyFolder();
  const files = {
    [MODEL]: "b = 2\n",
    ".git/config": "[core]\n",
    ".git/HEAD": "ref: refs/heads/main\n",
    ...Object.fromEntries(Object.entries(store).map(([path, text]) => [`.moegen/${path}`, text])),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  mkdirSync(join(tree, ".git/hooks"));
  return tree;
}

const manifest = (files: object, made: readonly string[] = []): string =>
  JSON.stringify({ schema: 1, moegen: "0", tree: "pypi", specs: {}, files, folders: made });
const all = /^$/;
const options = { preview: false, handEdits: "force", version: "0" } as const;

describe("nothing that no build writes is written, restored or taken away", () => {
  test.each(STRANGE)("%j in a manifest", async (path) => {
    for (const before of [sha256(EVIL), null]) {
      const record = { before, generated: sha256("[core]\n"), after: sha256("[core]\n") };
      // `__proto__` too must be a key of its own.
      const files = `{${JSON.stringify(path)}:${JSON.stringify(record)}}`;
      const text = manifest({}).replace('"files":{}', `"files":${files}`);
      const tree = treeWith({
        "manifest.json": text,
        "original/.git/config": EVIL,
        "generated/.git/config": "[core]\n",
      });
      const was = contents(tree, all);
      await expect(revertInto({ ...options, into: tree })).rejects.toMatchObject({
        name: "IntoError",
        code: "manifest",
      });
      expect(contents(tree, all)).toEqual(was);
    }
  });

  // The manifest itself is a step of each.
  test.each(STRANGE.filter((path) => path !== MANIFEST))("%j in a journal", async (path) => {
    const write = { path, before: sha256("[core]\n"), after: sha256(EVIL), staged: "0" };
    for (const step of [
      write,
      { ...write, before: null },
      { path, before: sha256("[core]\n"), after: null },
      { ...write, path: `.moegen/original/${path}` },
      { ...write, path: MODEL, staged: path },
    ]) {
      const tree = treeWith({
        "journal.json": JSON.stringify({ steps: [step], folders: [] }),
        "stage/0": EVIL,
      });
      const was = contents(tree, all);
      expect(() => recover(tree, disk, true)).toThrow(
        expect.objectContaining({ name: "IntoError", code: "manifest" }),
      );
      await expect(revertInto({ ...options, into: tree })).rejects.toMatchObject({
        code: "manifest",
      });
      expect(contents(tree, all)).toEqual(was);
    }
  });

  test.each([".git/hooks", ".git", "..", "sgl_jax/empty", "sgl_jax/srt/models/.."])(
    "the folder %j",
    async (folder) => {
      const texts = {
        "manifest.json": manifest({}, [folder]),
        "journal.json": JSON.stringify({ steps: [], folders: [folder] }),
      };
      for (const [name, text] of Object.entries(texts)) {
        const tree = treeWith({ [name]: text });
        mkdirSync(join(tree, "sgl_jax/empty"));
        const was = folders(tree);
        await expect(revertInto({ ...options, into: tree })).rejects.toMatchObject({
          code: "manifest",
        });
        expect(folders(tree)).toEqual(was);
      }
    },
  );

  test("a text of the stage that is not the one of the journal", () => {
    const step = { path: MODEL, before: sha256("b = 2\n"), after: sha256("b = 3\n"), staged: "0" };
    const journal = JSON.stringify({ steps: [step], folders: [] });
    const tree = treeWith({ "journal.json": journal, "stage/0": "import os\n" });
    expect(() => recover(tree, disk, true)).toThrow("another text");
    expect(contents(tree).get(MODEL)).toBe("b = 2\n");
  });

  test("a path of a build, through a link to version control", async () => {
    const record = {
      before: sha256(EVIL),
      generated: sha256("[core]\n"),
      after: sha256("[core]\n"),
    };
    const path = "sgl_jax/srt/server_args.py";
    const tree = treeWith({ "manifest.json": manifest({ [path]: record }) });
    for (const kept of ["original", "generated"]) {
      mkdirSync(dirname(join(tree, ".moegen", kept, path)), { recursive: true });
    }
    writeFileSync(join(tree, ".moegen/original", path), EVIL);
    writeFileSync(join(tree, ".moegen/generated", path), "[core]\n");
    symlinkSync("../../.git/config", join(tree, path));
    await expect(revertInto({ ...options, into: tree })).rejects.toMatchObject({ code: "path" });
    expect(contents(tree, all).get(".git/config")).toBe("[core]\n");
  });

  test("a tree that lies in a folder of version control", () => {
    const tree = treeWith({});
    expect(() => treeRoot(join(tree, ".git/hooks"))).toThrow("version control");
    symlinkSync(join(tree, ".git"), join(tree, "link"));
    expect(() => treeRoot(join(tree, "link"))).toThrow("version control");
  });

  test("the command says so in a line or two, with exit code 69", async () => {
    const record = {
      before: sha256(EVIL),
      generated: sha256("[core]\n"),
      after: sha256("[core]\n"),
    };
    const tree = treeWith({
      "manifest.json": manifest({ ".git/config": record }),
      "original/.git/config": EVIL,
      "generated/.git/config": "[core]\n",
    });
    const was = contents(tree, all);
    for (const flags of [[], ["--force"], ["--dry-run"], ["--merge"]]) {
      const ran = await moegen(["revert", "--into", tree, ...flags]);
      expect([ran.code, ran.stderr.split("\n").length]).toEqual([69, 2]);
      expect(ran.stderr).toContain('no build writes ".git/config" to sglang-jax 0.0.2');
      expect(contents(tree, all)).toEqual(was);
    }
  });
});

test("what a build writes is known of each tree", () => {
  for (const tree of Object.values(trees)) {
    const writable = writableIn([tree]);
    const paths = [...tree.edits, ...tree.files([])].map(({ path }) => path);
    expect(paths.filter((path) => !writable.file(path))).toEqual([]);
    expect(writable.file(`${tree.kernelFolder}/tiny/feed_forward.py`)).toBe(true);
    expect(STRANGE.filter((path) => writable.file(path))).toEqual([]);
  }
});

test("standing in the tree, nothing of it is run", async () => {
  const tree = await smallTree();
  const ran = join(emptyFolder(), "ran");
  const python = join(tree, ".venv/bin/python");
  mkdirSync(dirname(python), { recursive: true });
  mkdirSync(join(tree, ".venv/lib/python3.11/site-packages/jax"), { recursive: true });
  writeFileSync(python, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  // Modules that Python itself, the worker and the formatters import.
  for (const name of ["json", "types", "libcst", "black", "moegen_worker", "sitecustomize"]) {
    writeFileSync(join(tree, `${name}.py`), `open(${JSON.stringify(ran)}, "w")\n`);
  }
  const spec = tinySpec({ name: "tiny_ep4" });
  const built = await moegen(["build", spec, "--into", "."], { cwd: tree });
  expect([built.code, existsSync(ran)]).toEqual([0, false]);
  expect((await moegen(["doctor"], { cwd: join(tree, "sgl_jax") })).code).toBe(0);
  expect((await moegen(["revert", "--into", "."], { cwd: tree })).code).toBe(0);
  expect(existsSync(ran)).toBe(false);
});

describe("asking git runs nothing that the repository names", () => {
  async function repository(): Promise<{ tree: string; ran: string; git: typeof execa }> {
    const tree = emptyFolder();
    const ran = join(emptyFolder(), "ran");
    const git = execa({ cwd: tree });
    await git`git init -q`;
    writeFileSync(join(tree, "a.py"), "a = 1\n");
    writeFileSync(join(tree, ".gitattributes"), "*.py filter=x=y\n");
    await git`git add -A`;
    await git`git -c user.name=t -c user.email=t@example.com commit -qm all`;
    return { tree, ran, git: git as typeof execa };
  }

  test("no monitor, no filter, no hook", async () => {
    const { tree, ran, git } = await repository();
    const program = `sh -c "echo owned >> ${ran}; cat"`;
    await git`git config filter.x=y.clean ${program}`;
    await git`git config filter.x=y.required true`;
    await git`git config core.fsmonitor ${`touch ${ran}`}`;
    const hook = join(tree, ".git/hooks/post-index-change");
    writeFileSync(hook, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    // Looked at again by its contents.
    utimesSync(join(tree, "a.py"), 1, 1);
    // The bait is good: git itself runs it.
    await git`git status --porcelain`;
    expect(existsSync(ran)).toBe(true);
    await execa`rm ${ran}`;
    utimesSync(join(tree, "a.py"), 2, 2);
    expect(await uncommitted(tree)).toEqual([]);
    writeFileSync(join(tree, "a.py"), "a = 2\n");
    expect(await uncommitted(tree)).toEqual(["a.py"]);
    expect(existsSync(ran)).toBe(false);
  });
});
