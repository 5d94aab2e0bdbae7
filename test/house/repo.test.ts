import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  cachedEnvironment,
  checkoutEnvironment,
  requirementsOf,
} from "../../src/house/python-env.mjs";
import { root } from "../cli/moegen.ts";

const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  .split("\0")
  .filter((name) => name !== "");

const lineCount = (path: string): number => readFileSync(path, "utf8").split("\n").length - 1;

const TOP_LEVEL = [
  ...["package.json", "package-lock.json", "tsconfig.json", "src", "templates", "generated"],
  ...[
    "python",
    "test",
    "examples",
    "docs",
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
  ],
];

describe("the repository", () => {
  it("has the fixed top level", () => {
    const top = new Set(tracked.map((name) => name.split("/")[0] ?? ""));
    expect([...top].filter((name) => !name.startsWith(".") && !TOP_LEVEL.includes(name))).toEqual(
      [],
    );
  });

  it("names no package registry and no path of a machine", () => {
    const wrong =
      /registry\.npmjs|pythonhosted|pypi\.org|^--(extra-)?index-url|\/(root|work|home)\//m;
    const offenders = tracked
      .filter((name) => name !== "test/house/repo.test.ts")
      .map((name) => `${name}: ${wrong.exec(readFileSync(join(root, name), "utf8"))?.[0] ?? ""}`)
      .filter((found) => !found.endsWith(": "));
    expect(offenders).toEqual([]);
  });

  it("locks Node packages without where they were fetched", () => {
    const lock = readFileSync(join(root, "package-lock.json"), "utf8");
    expect(lock).not.toContain('"resolved"');
    expect(lock).toContain('"integrity"');
  });

  it("locks every platform's Node packages, or npm ci refuses the lock", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
      packages: Record<string, { version?: string; optionalDependencies?: object }>;
    };
    const entries = Object.entries(lock.packages);
    const names = new Set(
      entries.map(([path]) => path.slice(path.lastIndexOf("node_modules/") + 13)),
    );
    const wanted = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
    expect(entries.filter(([, entry]) => entry.version === undefined)).toEqual([]);
  });

  it.each(["requirements-ray.lock", "requirements-cluster.lock", "launchers/checks.lock"])(
    "locks what few need by version and hash: %s",
    (name) => {
      const lock = readFileSync(join(root, "python", name), "utf8");
      expect(lock).not.toContain("://");
      const pins = [...lock.matchAll(/^[a-z0-9.[\]-]+==\S+ \\\n {4}--hash=sha256:/gm)];
      expect(pins.length).toBeGreaterThan(10);
      expect(pins.length).toBe([...lock.matchAll(/^[a-z0-9.[\]-]+==/gm)].length);
    },
  );

  it("locks Python packages by version and hash", () => {
    for (const name of ["requirements.lock", "requirements-dev.lock"]) {
      const lock = readFileSync(join(root, "python", name), "utf8");
      expect(lock).not.toContain("://");
      const pins = [...lock.matchAll(/^[a-z0-9-]+==\S+ \\\n {4}--hash=sha256:/gm)];
      expect(pins.length).toBe([...lock.matchAll(/^[a-z0-9-]+==/gm)].length);
      for (const pin of ["jax==0.10.2", "libtpu==0.0.42.1", "black==24.10.0", "isort==5.13.2"]) {
        expect(lock).toContain(`\n${pin} `);
      }
    }
  });

  it("gives users what the worker needs, and a checkout the same and its tools", () => {
    const pinned = (name: string): ReadonlyMap<string, string> => {
      const text = readFileSync(join(root, "python", name), "utf8");
      const blocks = text.split(/^(?=[a-z0-9-]+(?:\[[a-z]+\])?==)/m).slice(1);
      return new Map(
        blocks.map((block) => [
          /^[a-z0-9-]+/.exec(block)?.[0] ?? "",
          block.split("    # via")[0] ?? "",
        ]),
      );
    };
    const [users, developers] = [pinned("requirements.lock"), pinned("requirements-dev.lock")];
    for (const [name, pin] of users) expect(developers.get(name)).toBe(pin);
    const more = [...developers.keys()].filter((name) => !users.has(name));
    expect(more).toEqual(["iniconfig", "pluggy", "pygments", "pytest", "ruff"]);
    const asked = (name: string) =>
      [...readFileSync(join(root, "python", name), "utf8").matchAll(/^([a-z0-9-]+).*==/gm)].map(
        ([, word = ""]) => word,
      );
    expect(asked("requirements.in").filter((name) => !users.has(name))).toEqual([]);
    expect(asked("requirements-dev.in").filter((name) => !more.includes(name))).toEqual([]);
    // Each is there because another one is: none of them has gone.
    const lock = readFileSync(join(root, "python", "requirements.lock"), "utf8");
    const via = [...lock.matchAll(/^ {4}#(?: via)? +([a-z0-9-]+)$/gm)].map(([, name = ""]) => name);
    expect(via.filter((name) => name !== "via" && !users.has(name))).toEqual([]);
    expect(requirementsOf(checkoutEnvironment)).toMatch(/requirements-dev\.lock$/);
    expect(requirementsOf(cachedEnvironment())).toMatch(/requirements\.lock$/);
  });

  it("has a ground floor: the normalised spec imports nothing of the house", () => {
    const above = tracked
      .filter((name) => name.startsWith("src/spec/"))
      .flatMap((name) => [
        ...readFileSync(join(root, name), "utf8").matchAll(/from "(?!\.\/)[^"]*"/g),
      ]);
    expect(tracked).toContain("src/spec/spec.ts");
    expect(above.map(([text]) => text)).toEqual([]);
  });

  it("keeps hand-written files small", () => {
    const long = tracked
      .filter((name) => /^(src|test)\/.*\.(ts|mjs)$/.test(name))
      .map((name) => ({ name, lines: lineCount(join(root, name)) }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });
});

/** One file (or folder) and one registry line for each thing that can be added. */
describe.each([
  ["device", "src/target/device", ["device", "facts", "registry", "timing"]],
  ["published schedule", "src/predict/published", ["published", "registry"]],
  ["schedule", "src/schedule", ["schedule", "registry"]],
  ["launcher", "src/launcher", ["launcher", "registry"]],
  [
    "model",
    "src/model",
    [
      "activation",
      "architecture",
      "config",
      "deepseek-routing",
      "depth",
      "expert-tensors",
      "family",
      "field",
      "guess",
      "layer-fields",
      "limits",
      "nested",
      "plain-modules",
      "quantization",
      "quantization-methods",
      "gptq",
      "modelopt",
      "refuse",
      "registry",
      "routing",
      "safetensors",
      "sparse",
    ],
  ],
])("adding a %s", (_, folder, shared) => {
  it("is one file and one registry line", () => {
    const members = readdirSync(join(root, folder))
      .map((name) => name.replace(/\.ts$/, ""))
      .filter((name) => !shared.includes(name));
    const registry = readFileSync(join(root, folder, "registry.ts"), "utf8");
    const imported = [
      ...registry.matchAll(/from "\.\/([^"/]+?)(?:\/index)?(?:\/[^"]*)?(?:\.ts)?";/g),
    ]
      .map((match) => (match[1] ?? "").replace(/\.ts$/, ""))
      .filter((name) => !shared.includes(name));
    expect(imported.sort()).toEqual(members.sort());
  });

  it("needs no other file to name it", () => {
    const members = readdirSync(join(root, folder))
      .map((name) => name.replace(/\.ts$/, ""))
      .filter((name) => !shared.includes(name));
    const outside = tracked.filter(
      (name) => /^src\/.*\.ts$/.test(name) && !name.startsWith(`${folder}/`),
    );
    const offenders = outside.flatMap((name) => {
      const text = readFileSync(join(root, name), "utf8");
      return members
        .filter((member) => text.includes(`${folder.split("/").at(-1)}/${member}`))
        .map((member) => `${name}: ${member}`);
    });
    expect(offenders).toEqual([]);
  });
});
