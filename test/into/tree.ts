/** Copies of the tree that PyPI has, and what a test asks of them. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensurePypiTree } from "../../src/house/trees.mjs";
import { trees } from "../../src/target/tree/registry.ts";
import { emptyFolder } from "../cli/moegen.ts";

export { contents } from "./contents.ts";

/** A copy of the files of the PyPI tree that its target probes and edits, gone after the test. */
export async function smallTree(): Promise<string> {
  const from = await ensurePypiTree();
  const to = emptyFolder();
  const { probes, edits } = trees.pypi;
  const paths = new Set([
    ...probes.filter(({ absent }) => !absent).map(({ path }) => path),
    ...edits.map(({ path }) => path),
  ]);
  for (const path of paths) cpSync(join(from, path), join(to, path), { recursive: true });
  return to;
}

/** The whole PyPI tree, gone after the test. */
export async function wholeTree(): Promise<string> {
  const to = emptyFolder();
  cpSync(await ensurePypiTree(), to, { recursive: true });
  return to;
}

/** Every folder below a folder. */
export function folders(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

export interface TinySpec {
  readonly name: string;
  readonly ep?: number;
  readonly dtype?: "bfloat16" | "float32";
}

/** A spec of a layer that simulated devices can run, written beside nothing else. */
export function tinySpec({ name, ep = 4, dtype = "bfloat16" }: TinySpec): string {
  const path = join(emptyFolder(), `${name}.moe.ts`);
  writeFileSync(
    path,
    `import { moe } from "moegen";

export default moe({
  name: "${name}",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 256,
    intermediate: 256,
    activation: "silu",
    dtype: "${dtype}",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: ${ep} },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 256, bd: 256 } } },
});
`,
  );
  return path;
}

/** Changes one file of a tree. */
export function alter(tree: string, path: string, change: (text: string) => string): void {
  const file = join(tree, path);
  const before = readFileSync(file, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`nothing to change in ${path} below ${dirname(tree)}`);
  writeFileSync(file, after);
}
