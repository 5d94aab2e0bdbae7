/** What generated kernels name: their scratch, and the rows of a loop's trip. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

const generated = join(root, "generated");
// A package of several kinds of layers has what these packages have, in parts.
const kernels = readdirSync(generated).filter(
  (name) => !readdirSync(join(generated, name)).includes("layers.py"),
);
/** Host code, tables and plain JAX: none of them loops over rows of VMEM. */
const OTHERS = [
  "tiles.py",
  "topology.py",
  "reference.py",
  "quantization.py",
  "shared_quantization.py",
];

describe.each(kernels)("%s", (name) => {
  const read = (file: string): string => readFileSync(join(generated, name, file), "utf8");

  test("has its scratch by name, each a field of Refs", () => {
    const shapes = read("shapes.py");
    const table =
      /^def scratch\(s: Shape\) -> dict:\n[\s\S]*?^ {4}return \{\n([\s\S]*?)^ {4}\}$/m.exec(shapes);
    const entries = (table?.[1] ?? "").match(/^ {8}\S.*/gm) ?? [];
    const names = entries
      .filter((line) => line.trim() !== "),")
      .map((line) => /^ {8}"(\w+)": /.exec(line)?.[1] ?? line);
    const fields = [...shapes.matchAll(/^ {4}(\w+): jax\.Ref$/gm)].map(([, field]) => field);
    expect(names.length).toBeGreaterThan(10);
    expect(fields.slice(-names.length)).toEqual(names);
    expect(read("kernel.py")).toContain("r = name_refs(s, refs)\n");
  });

  test("names the rows of a trip: there is no bare 16 or 32", () => {
    const files = readdirSync(join(generated, name)).filter((file) => !OTHERS.includes(file));
    expect(files).toContain("feed_forward.py");
    for (const file of files) {
      const code = read(file).replace(/"""[\s\S]*?"""|"[^"\n]*"|#.*$/gm, "");
      const found = code.split("\n").filter((line) => /(?<![\w.])(?:16|32)(?![\w.])/.test(line));
      // Bits of a word, a constant by its name, a choice of strides.
      const bare = found.filter((line) => !/<< 16|>> 16|^[A-Z_]+ = |for words in/.test(line));
      expect(bare, file).toEqual([]);
    }
  });
});
