/** Manifests and journals of every wrong shape: an `IntoError`, never a fault of moegen. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { apply } from "../../src/into/apply.ts";
import { revertInto } from "../../src/into/build.ts";
import { compare } from "../../src/into/compare.ts";
import { disk } from "../../src/into/disk.ts";
import { checkHosted } from "../../src/into/hosted.ts";
import { readJournal } from "../../src/into/journal.ts";
import { type Manifest, readManifest, sha256 } from "../../src/into/manifest.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import { trees } from "../../src/target/tree/registry.ts";
import type { HostedKernel } from "../../src/target/tree/tree.ts";
import { emptyFolder, moegen } from "../cli/moegen.ts";
import { contents } from "./tree.ts";

const MODEL = "sgl_jax/srt/models/qwen3_moe.py";
const KERNEL = "sgl_jax/srt/kernels/fused_moe/tiny/kernel.py";
const options = { preview: false, handEdits: "stop", version: "0" } as const;

const layer: LayerSpec = {
  experts: 8,
  topK: 2,
  hidden: 256,
  intermediate: 256,
  activation: "silu",
  dtype: "bfloat16",
  weights: "fused",
  routing: { where: "kernel", scoring: "softmax", renormalize: true, scalingFactor: 1 },
};

function hosted(): HostedKernel {
  const adapted = trees.pypi.adapt(layer);
  if ("refused" in adapted) throw new Error(adapted.refused.join("; "));
  const mesh = { ep: 4, axes: trees.pypi.surface.epAxes };
  return { name: "tiny", layer: adapted.layer, mesh, buckets: [64] };
}

/** A tree with one edited file and a kernel. */
async function built(): Promise<string> {
  const tree = emptyFolder();
  mkdirSync(dirname(join(tree, MODEL)), { recursive: true });
  writeFileSync(join(tree, MODEL), "b = 2\n");
  const desired = new Map([
    [MODEL, { text: "b = 3\n" }],
    [KERNEL, { text: "c = 4\n", kernel: "tiny" }],
  ]);
  const compared = await compare(tree, desired, new Set([MODEL]), undefined, "stop");
  const specs = { tiny: { hash: sha256("spec"), kernel: hosted() } };
  apply(tree, compared, undefined, { moegen: "0", tree: "pypi", specs }, disk);
  return tree;
}

const WRONG = [null, 0, -1, 1.5, 1e300, "", "x", "../x", true, [], [null], {}, { a: 1 }, undefined];

/** Every value with each wrong one in its place; `undefined` takes the field away. */
function* spoilt(value: unknown): Generator<unknown> {
  for (const wrong of WRONG) if (wrong !== undefined) yield wrong;
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const others = Object.entries(value).filter(([name]) => name !== key);
    const rest: unknown = Array.isArray(value)
      ? value.filter((one) => one !== inner)
      : Object.fromEntries(others);
    yield rest;
    for (const worse of spoilt(inner)) {
      yield Array.isArray(value)
        ? value.map((one) => (one === inner ? worse : one))
        : { ...value, [key]: worse };
    }
    if (!Array.isArray(value)) yield { ...value, [`${key}/..`]: inner };
  }
}

/** How it went: "well", or an `IntoError`'s code; anything else is thrown on. */
function outcomeOf(work: () => unknown): string {
  try {
    work();
    return "well";
  } catch (error) {
    if (error instanceof Error && error.name === "IntoError") {
      expect(error.message.split("\n")).toHaveLength(1);
      expect(error.message.length).toBeLessThan(300);
      return String(Reflect.get(error, "code"));
    }
    throw error;
  }
}

test("a manifest", async () => {
  const tree = await built();
  const good = readManifest(tree) as Manifest;
  const seen = { well: 0, manifest: 0 };
  const manifest = join(tree, ".moegen/manifest.json");
  const texts = ["", "{", "[]", "null", "\0", "{}", '{"schema":1}', '{"__proto__":{"schema":1}}'];
  for (const text of [...texts, ...[...spoilt(good)].map((value) => JSON.stringify(value))]) {
    writeFileSync(manifest, text);
    const how = outcomeOf(() => {
      const read = readManifest(tree);
      for (const [name, { kernel }] of Object.entries(read?.specs ?? {})) {
        checkHosted(trees.pypi, name, kernel);
      }
    });
    seen[how as keyof typeof seen]++;
    // What is believed can be taken back, or is not what was kept: nothing else.
    const was = contents(tree);
    const back = await revertInto({ ...options, into: tree, preview: true }).then(
      () => "well",
      (error: unknown) =>
        outcomeOf(() => {
          throw error;
        }),
    );
    expect(["well", "manifest"]).toContain(back);
    expect(contents(tree)).toEqual(was);
  }
  expect(Object.keys(seen).sort()).toEqual(["manifest", "well"]);
  expect(seen.manifest).toBeGreaterThan(300);
});

test("a journal", async () => {
  const tree = await built();
  mkdirSync(join(tree, ".moegen/stage"));
  writeFileSync(join(tree, ".moegen/stage/0"), "b = 2\n");
  const step = { path: MODEL, before: sha256("b = 3\n"), after: sha256("b = 2\n"), staged: "0" };
  const good = {
    steps: [step, { path: KERNEL, before: sha256("c = 4\n"), after: null }],
    folders: [],
  };
  let refused = 0;
  for (const text of [
    "",
    "{",
    "null",
    ...[...spoilt(good)].map((value) => JSON.stringify(value)),
  ]) {
    writeFileSync(join(tree, ".moegen/journal.json"), text);
    if (outcomeOf(() => readJournal(tree)) !== "well") refused++;
  }
  expect(refused).toBeGreaterThan(60);
});

test("the command: one line with the cause and the way out, exit code 69", async () => {
  const tree = await built();
  const good = readManifest(tree) as Manifest;
  const { files: _, ...noFiles } = good;
  const { folders: __, ...noFolders } = good;
  const was = [...contents(tree)].filter(([path]) => !path.endsWith("manifest.json"));
  for (const [value, why] of [
    [noFiles, "files is nothing, not an object"],
    [{ ...good, files: null }, "files is null, not an object"],
    [{ ...good, files: { [MODEL]: null } }, "is null, not an object"],
    [noFolders, "folders is no list"],
    [{ ...good, tree: "other" }, "which this moegen does not know"],
  ] as const) {
    writeFileSync(join(tree, ".moegen/manifest.json"), JSON.stringify(value));
    const ran = await moegen(["revert", "--into", tree]);
    expect([ran.code, ran.stderr.split("\n")]).toEqual([
      69,
      [expect.stringContaining(why), expect.stringContaining("fix: ")],
    ]);
    expect([...contents(tree)].filter(([path]) => !path.endsWith("manifest.json"))).toEqual(was);
  }
});
