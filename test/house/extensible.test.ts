/**
 * What "one file and one registry line" promises is done, in a copy: then types must still hold. A
 * schedule is added in `test/schedule/tiny.test.ts`, and run.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

interface Addition {
  readonly what: string;
  /** Folder of the registry. */
  readonly folder: string;
  /** Member that is copied: a file, or a folder with an index. */
  readonly from: string;
  readonly to: string;
  /** Text of the member's file, changed to the new one's. */
  readonly rename: (text: string) => string;
  /** A module that uses it, in the folder `src`. */
  readonly use: string;
}

const spec = (device: string, kind: string): string => `import { moe } from "./index.ts";
export default moe({
  name: "x",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 2048,
    intermediate: 768,
    activation: "silu",
    routing: { where: "given" },
  },
  mesh: { ep: 2 },
  devices: ["${device}"],
  schedule: { kind: "${kind}", tiles: { all: { upTo: 64, bt: 16, bf: 768, bd: 2048 } } },
});
`;

const additions: readonly Addition[] = [
  {
    what: "device",
    folder: "target/device",
    from: "v6e.ts",
    to: "v99.ts",
    rename: (text) => text.replaceAll('"v6e"', '"v99"').replace("const v6e", "const v99"),
    use: spec("v99", "gather"),
  },
  {
    what: "tree",
    folder: "target/tree",
    from: "pypi",
    to: "fork",
    rename: (text) =>
      text.replace('name: "pypi"', 'name: "fork"').replace("const pypi", "const fork"),
    use: 'import { trees } from "./target/tree/registry.ts";\nexport default trees.fork;\n',
  },
  {
    what: "launcher",
    folder: "launcher",
    from: "compose.ts",
    to: "invented.ts",
    rename: (text) =>
      text
        .replace('name: "compose"', 'name: "invented"')
        .replace("const compose", "const invented"),
    use: 'import { launchers } from "./launcher/registry.ts";\nexport default launchers.invented;\n',
  },
  {
    what: "model",
    folder: "model",
    from: "grok.ts",
    to: "invented.ts",
    rename: (text) => text.replace("const grok", "const invented"),
    use: 'import { models } from "./model/registry.ts";\nexport default models.invented;\n',
  },
];

/** What the compiler finds wrong, apart from where. */
async function typeErrors(folder: string): Promise<readonly string[]> {
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const args = ["--noEmit", "--pretty", "false", "-p", "tsconfig.json"];
  const { stdout } = await execa(tsc, args, { cwd: folder, reject: false });
  return stdout.split("\n").filter((line) => line.includes(": error TS"));
}

const member = (name: string): string => name.replace(/\.ts$/, "");

/** The old member once more under the new name: its file, an import and a place in the registry. */
function add(copy: string, { folder, from, to, rename }: Addition): void {
  const registry = join(copy, "src", folder, "registry.ts");
  const [old, fresh] = [member(from), member(to)];
  cpSync(join(copy, "src", folder, from), join(copy, "src", folder, to), { recursive: true });
  const file = join(copy, "src", folder, to, from.endsWith(".ts") ? "" : "index.ts");
  writeFileSync(file, rename(readFileSync(file, "utf8")));
  // Its import, beside the old one's, and its name in the list.
  const text = readFileSync(registry, "utf8");
  const imported = text.split("\n").find((line) => line.startsWith(`import { ${old} }`));
  expect(imported).toBeDefined();
  const changed = text
    .replace(`${imported}\n`, `${imported}\n${imported?.replaceAll(old, fresh)}\n`)
    .replace(new RegExp(`(= \\{[^}]*\\b${old})\\b`), `$1, ${fresh}`);
  expect(changed.split(fresh).length).toBeGreaterThan(3);
  writeFileSync(registry, changed);
}

describe("adding one of each", () => {
  let copy = "";
  let before: readonly string[] = [];
  let after: readonly string[] = [];

  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), "moegen-extend-"));
    cpSync(join(root, "src"), join(copy, "src"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const file of ["package.json", "tsconfig.json"]) {
      cpSync(join(root, file), join(copy, file));
    }
    mkdirSync(join(copy, "test"));
    before = await typeErrors(copy);
    for (const addition of additions) {
      add(copy, addition);
      writeFileSync(join(copy, "src", `use-${addition.what}.ts`), addition.use);
    }
    after = await typeErrors(copy);
  });

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test("is each one's file and its place in the registry, and nothing else", () => {
    // What was wrong before, "types" of `npm test` says; a copied file repeats it.
    const copied = (line: string): boolean =>
      additions.some(({ folder, from, to }) => {
        const [old, fresh] = [from, to].map((name) => `src/${folder}/${member(name)}`);
        return line.startsWith(`${fresh}`) && before.includes(line.replace(`${fresh}`, `${old}`));
      });
    expect(after.filter((line) => !before.includes(line) && !copied(line))).toEqual([]);
  });
});
