import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isPlainPath } from "../../src/into/paths.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { Quantization } from "../../src/spec/quantization.ts";
import { editedPaths, withForms } from "../../src/target/tree/forms.ts";
import { trees } from "../../src/target/tree/registry.ts";
import type { HostedKernel, Tree } from "../../src/target/tree/tree.ts";

const FOLDER = new URL("../../src/target/tree/", import.meta.url);
const TEMPLATES = new URL("../../templates/", import.meta.url);
/** The contract, and the edits that trees share. */
const CONTRACT = [
  "backend.ts",
  "edit.ts",
  "forms.ts",
  "layers.ts",
  "packaged.ts",
  "registry.ts",
  "tree.ts",
];
/** A tree of a folder in another layout. */
const PACKAGED = ["head-package"];
/** What every tree's folder has. */
const PARTS = ["edits.ts", "files.ts", "index.ts", "surface.ts"];

const entries: readonly (readonly [string, Tree])[] = Object.entries(trees);

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

/** A kernel of that layer as a tree needs it. */
function hostedBy(tree: Tree): HostedKernel {
  const adapted = tree.adapt(layer);
  if ("refused" in adapted) throw new Error(adapted.refused.join("; "));
  const mesh = { ep: 4, axes: tree.surface.epAxes };
  return { name: "some_kernel", layer: adapted.layer, mesh, buckets: [64] };
}

test("a tree is one folder and one entry of the registry", () => {
  const names = readdirSync(FOLDER).filter((name) => !CONTRACT.includes(name));
  const own = Object.keys(trees).filter((name) => !PACKAGED.includes(name));
  expect(names.sort()).toEqual(own.sort());
  const registry = readFileSync(new URL("registry.ts", FOLDER), "utf8");
  for (const name of names) {
    expect(registry.split(`"./${name}/index.ts"`)).toHaveLength(2);
    const files = readdirSync(new URL(`${name}/`, FOLDER));
    expect(files.filter((file) => file.endsWith(".ts")).sort()).toEqual(PARTS);
  }
});

/** The kind with the newest form of each surface, and with the oldest. */
const formed: readonly (readonly [string, Tree])[] = entries.flatMap(([key, kind]) => {
  const all = (kind.surfaces ?? []).map(({ forms }) => forms);
  const [newest, oldest] = [all.map(([first]) => first), all.flatMap((forms) => forms.slice(-1))];
  return [
    [key, withForms(kind, newest)] as const,
    ...(all.length === 0 ? [] : [[key, withForms(kind, oldest)] as const]),
  ];
});

test.each(formed)("%s is what it says it is", (key, tree) => {
  expect(tree.name).toBe(key);
  const files = tree.files([hostedBy(tree)]);
  const kind = trees[key as keyof typeof trees] as Tree;
  const forms = (kind.surfaces ?? []).flatMap((surface) => surface.forms);
  const paths = [
    ...tree.probes.map(({ path }) => path),
    ...forms.flatMap(({ probes }) => probes.map(({ path }) => path)),
    ...editedPaths(kind),
    ...files.map(({ path }) => path),
    tree.kernelFolder,
  ];
  expect(paths.filter((path) => !isPlainPath(path))).toEqual([]);
  // What a manifest may name is told by the paths alone, whatever kernels and forms there are.
  expect(kind.files([]).map(({ path }) => path)).toEqual(files.map(({ path }) => path));
  // Each path has one owner: a file is made or edited, and edited in one list.
  const owned = [...tree.edits, ...files].map(({ path }) => path);
  expect(new Set(owned).size).toBe(owned.length);
  // Edits are plain data; what an edited file must be is probed for or found by its anchors.
  expect(JSON.parse(JSON.stringify(tree.edits))).toEqual(tree.edits);
  expect(tree.surface.meshAxes).toEqual(expect.arrayContaining([...tree.surface.epAxes]));
  expect(tree.hosts.length).toBeGreaterThan(0);
  for (const { template } of files) {
    expect(existsSync(new URL(`${template}.py.hbs`, TEMPLATES)), template).toBe(true);
  }
});

test("a form is one of a surface, by its name", () => {
  for (const [, { surfaces = [] }] of entries) {
    for (const { what, forms } of surfaces) {
      expect(new Set(forms.map(({ name }) => name)).size, what).toBe(forms.length);
    }
  }
});

test("a package has what is below python/ alone", () => {
  const every = [
    ...editedPaths(trees["head-package"]),
    ...trees["head-package"].files([]).map(({ path }) => path),
  ];
  expect(every.filter((path) => !path.startsWith("sgl_jax/"))).toEqual([]);
  expect(every).toContain("sgl_jax/srt/models/qwen3_moe.py");
});

test("quantised weights are refused where their scales lie otherwise", () => {
  const quantization = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;
  const before = withForms(
    trees.head,
    (trees.head.surfaces ?? []).flatMap(({ forms }) => forms.slice(-1)),
  );
  expect(before.adapt({ ...layer, quantization })).toEqual({
    refused: [expect.stringContaining("FusedEPMoEV2")],
  });
});

test("no two trees are told apart by nothing", () => {
  const probes = entries.map(([, tree]) => JSON.stringify(tree.probes));
  expect(new Set(probes).size).toBe(entries.length);
});

test("quantised weights are served where a tree's own layer has them", () => {
  const quantization = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;
  const adapted = (changed: Partial<Quantization>, tree: Tree) =>
    tree.adapt({ ...layer, quantization: { ...quantization, ...changed } });
  for (const tree of [trees.pypi, trees["2025-12"]]) {
    expect(adapted({}, tree)).toEqual({
      refused: [expect.stringContaining("no quantised weights")],
    });
  }
  expect(adapted({}, trees.head)).toMatchObject({ layer: { quantization } });
  // FusedEPMoE repeats scales of blocks for every channel, and has them in float32.
  const blocks = { granularity: "blocks_128x128", scales: "bfloat16" } as const;
  expect(adapted(blocks, trees.head)).toMatchObject({
    layer: {
      quantization: {
        weights: "int8",
        granularity: { kind: "sub_channel", block: 128 },
        scales: "float32",
      },
    },
    remarks: expect.arrayContaining([
      expect.stringContaining("128 x 128"),
      expect.stringContaining("float32 scales"),
    ]),
  });
  expect(adapted({ weights: "int4" }, trees.head)).toEqual({
    refused: [expect.stringMatching(/int8, float8_e4m3fn, float8_e5m2, not int4/)],
  });
});

test("the registry of the newest tree tells weights and their scales apart", () => {
  const rows = (["int8", undefined] as const).map((weights) => {
    const adapted = trees.head.adapt({
      ...layer,
      ...(weights && {
        quantization: { weights, granularity: "per_channel", scales: "float32" },
      }),
    });
    if ("refused" in adapted) throw new Error(adapted.refused.join("; "));
    const kernel = { ...hostedBy(trees.head), layer: adapted.layer };
    return JSON.stringify(trees.head.files([kernel]).find(({ path }) => /registry/.test(path)));
  });
  expect(rows[0]).toContain('weight_dtype=\\"int8\\"');
  expect(rows[1]).toContain('weight_dtype=\\"bfloat16\\"');
});
