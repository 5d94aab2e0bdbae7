/** `kill -9` at every step of a build and of a revert leaves a tree that either of them repairs. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { apply } from "../../src/into/apply.ts";
import { revertInto } from "../../src/into/build.ts";
import { compare } from "../../src/into/compare.ts";
import { disk } from "../../src/into/disk.ts";
import { readManifest } from "../../src/into/manifest.ts";
import { isInterrupted, recover } from "../../src/into/transaction.ts";
import { emptyFolder, moegen } from "../cli/moegen.ts";
import { contents, folders, smallTree, tinySpec } from "./tree.ts";

// Many runs of the command line, each with a Python of its own.
const CHILD = fileURLToPath(new URL("killed.mjs", import.meta.url));
const options = { preview: false, handEdits: "stop", version: "0" } as const;

const CONFIG = "sgl_jax/srt/configs/model_config.py";
const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const KERNELS = "sgl_jax/srt/kernels/fused_moe";

interface Job {
  readonly root: string;
  readonly changes: readonly { readonly path: string; readonly text: string | null }[];
  readonly folders: readonly string[];
}

/** What must change for one tree to be the other. */
function changesBetween(from: string, to: string): Job["changes"] {
  const [old, fresh] = [contents(from), contents(to)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) => old.get(path) !== fresh.get(path))
    .map((path) => ({ path, text: fresh.get(path) ?? null }));
}

/** Runs a transaction that dies at a step; false where there is no such step, or no such write. */
async function killedAt(job: Job, step: number, how: "before" | "torn"): Promise<boolean> {
  const file = join(emptyFolder(), "job.json");
  writeFileSync(file, JSON.stringify(job));
  const ran = await execa(process.execPath, [CHILD, file, String(step), how], { reject: false });
  if (ran.exitCode === 0) return false;
  expect([ran.signal, ran.stderr]).toEqual(["SIGKILL", ""]);
  return true;
}

function copyTo(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true });
}

async function prepared() {
  const [before, after] = [await smallTree(), await smallTree()];
  const spec = tinySpec({ name: "tiny_ep4" });
  expect((await moegen(["build", spec, "--into", after])).code).toBe(0);
  return { before, after, spec };
}

/** A tree with two files to edit, before and after a build that also makes two in a new folder. */
async function miniature() {
  const [before, after] = [emptyFolder(), emptyFolder()];
  for (const tree of [before, after]) {
    for (const path of [CONFIG, MODEL]) mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, CONFIG), "a = 1\n");
    writeFileSync(join(tree, MODEL), "b = 2\n");
  }
  const texts = {
    [CONFIG]: "a = 2\n",
    [MODEL]: "b = 3\n",
    [`${KERNELS}/__init__.py`]: "",
    [`${KERNELS}/registry.py`]: "c = 4\n",
  };
  const desired = new Map(Object.entries(texts).map(([path, text]) => [path, { text }]));
  const edits = new Set([CONFIG, MODEL]);
  const compared = await compare(after, desired, edits, undefined, "stop");
  apply(after, compared, undefined, { moegen: "0", tree: "pypi", specs: {} }, disk);
  const made = readManifest(after)?.folders ?? [];
  return { before, after, made: [...made].sort((a, b) => b.length - a.length) };
}

test.each(["build", "revert"] as const)("killed at every step of a %s", async (what) => {
  const { before, after, made } = await miniature();
  const [from, to] = what === "build" ? [before, after] : [after, before];
  const states = { old: contents(from), new: contents(to) };
  const changes = changesBetween(from, to);
  const seen = { old: 0, new: 0, journal: 0 };
  for (const how of ["before", "torn"] as const) {
    for (let step = 0; ; step++) {
      const work = join(emptyFolder(), "tree");
      cpSync(from, work, { recursive: true });
      const job: Job = { root: work, changes, folders: what === "build" ? [] : made };
      if (!(await killedAt(job, step, how))) break;
      // What either command does first; then the tree is the one or the other, whole.
      const ended = recover(work, disk, false);
      if (ended) seen.journal++;
      const is = ended || !seenOld(work, states.old) ? "new" : "old";
      expect(contents(work)).toEqual(states[is]);
      seen[is]++;
      await revertInto({ ...options, into: work });
      expect(contents(work)).toEqual(contents(before));
      expect(folders(work)).toEqual(folders(before));
    }
  }
  // Both halves of the work were met: every text is staged, then every path is swapped.
  const texts = changes.filter(({ text }) => text !== null).length;
  expect(seen.old).toBeGreaterThan(2 * texts);
  expect(seen.journal).toBeGreaterThan(changes.length);
});

/** Whether a tree without a journal is the old one: the change did not happen, or it is all done. */
function seenOld(tree: string, old: ReadonlyMap<string, string>): boolean {
  return contents(tree).get(CONFIG) === old.get(CONFIG);
}

test("the commands themselves end what was interrupted, and say so", async () => {
  const { before, after, spec } = await prepared();
  const changes = changesBetween(before, after);
  for (const repair of ["build", "revert"] as const) {
    const work = join(emptyFolder(), "tree");
    copyTo(before, work);
    // In the middle of the swap: all texts are staged, some are in place.
    const step = changes.length + 2 + Math.floor(changes.length / 2);
    expect(await killedAt({ root: work, changes, folders: [] }, step, "before")).toBe(true);
    expect(isInterrupted(work)).toBe(true);
    const dry = await moegen(["build", spec, "--into", work, "--dry-run"]);
    expect([dry.code, dry.stderr]).toEqual([1, expect.stringContaining("was interrupted")]);
    const args = repair === "build" ? ["build", spec] : ["revert"];
    const ran = await moegen([...args, "--into", work]);
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining("brought to its end")]);
    expect(contents(work)).toEqual(contents(repair === "build" ? after : before));
  }
});

test("a file that changed after the interruption is not overwritten", async () => {
  const { before, after } = await prepared();
  const work = join(emptyFolder(), "tree");
  copyTo(before, work);
  const changes = changesBetween(before, after);
  await killedAt({ root: work, changes, folders: [] }, changes.length + 3, "before");
  const path = "sgl_jax/srt/server_args.py";
  writeFileSync(join(work, path), "mine = 1\n");
  const ran = await moegen(["revert", "--into", work]);
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(path)]);
  expect(contents(work).get(path)).toBe("mine = 1\n");
  expect((await moegen(["revert", "--into", work, "--force"])).code).toBe(0);
  expect(existsSync(join(work, ".moegen"))).toBe(false);
});

test("two builds of one tree at once take turns", async () => {
  const tree = await smallTree();
  const names = ["tiny_ep4", "tiny_ep2"];
  const specs = names.map((name) => tinySpec({ name, ep: Number(name.at(-1)) }));
  const runs = await Promise.all(specs.map((spec) => moegen(["build", spec, "--into", tree])));
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  expect(Object.keys(readManifest(tree)?.specs ?? {}).sort()).toEqual([...names].sort());
});
