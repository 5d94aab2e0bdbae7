/** The package as a user gets it: packed, installed in an empty project, with a spec of their own. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../cli/moegen.ts";

const SPEC = `import { auto, moe } from "moegen";

export default moe({
  name: "my_layer",
  layer: {
    experts: 64,
    topK: 4,
    hidden: 1024,
    intermediate: 512,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: {
    kind: "gather",
    tiles: { decode: { upTo: 256, bt: auto, bf: auto, bd: auto } },
  },
});
`;

const TSCONFIG = {
  compilerOptions: { module: "nodenext", target: "es2022", strict: true, noEmit: true, types: [] },
  include: ["*.moe.ts"],
};

let folder = "";
let project = "";
let packed: readonly string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "moegen-package-"));
  project = join(folder, "project");
  mkdirSync(project);
  // dist is in step already; running its build here would pull it from under other tests.
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const { stdout } = await execa("npm", args, { cwd: root });
  const [report] = readReport(stdout);
  packed = report?.files.map(({ path }) => path) ?? [];
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(project, "package.json"), '{ "name": "project", "private": true }\n');
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(TSCONFIG));
  writeFileSync(join(project, "my-layer.moe.ts"), SPEC);
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, tarball)];
  await execa("npm", install, { cwd: project });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface PackReport {
  readonly files: readonly { readonly path: string }[];
}

/** npm prints a list, and newer ones an object by package name. */
function readReport(text: string): readonly PackReport[] {
  const value = JSON.parse(text) as PackReport[] | Record<string, PackReport>;
  return Array.isArray(value) ? value : Object.values(value);
}

const npx = (args: readonly string[], env: Record<string, string> = {}) =>
  execa("npx", ["--no-install", "moegen", ...args], { cwd: project, reject: false, env });

describe("the packed package", () => {
  it("holds what it needs and nothing else", () => {
    const folders = new Set(packed.map((path) => path.split("/")[0]));
    expect([...folders].sort()).toEqual(
      [
        ...["CHANGELOG.md", "LICENSE", "README.md", "dist", "docs", "examples", "package.json"],
        ...["python", "templates"],
      ].sort(),
    );
    expect(packed).toContain("python/requirements.lock");
    expect(
      packed.filter((path) => /__pycache__|\.test\.|^python\/tests|-dev\.|stamp/.test(path)),
    ).toEqual([]);
  });

  it("builds a spec of the user's own", async () => {
    const ran = await npx(["build", "my-layer.moe.ts", "--json"]);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    expect(JSON.parse(ran.stdout)).toMatchObject({ command: "build", status: "ok" });
    const kernel = readFileSync(join(project, "generated", "my_layer", "kernel.py"), "utf8");
    expect(kernel).toContain("fused_ep_moe");
    expect((await npx(["build", "my-layer.moe.ts", "--check"])).exitCode).toBe(0);
  });

  it("has types in a spec", async () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const good = await execa(process.execPath, [tsc, "-p", project], { reject: false });
    expect(good.stdout).toBe("");
    expect(good.exitCode).toBe(0);
    const wrong = join(project, "wrong.moe.ts");
    writeFileSync(wrong, SPEC.replace('"silu"', '"relu6"'));
    const bad = await execa(process.execPath, [tsc, "-p", project], { reject: false });
    rmSync(wrong);
    expect(bad.stdout).toContain("wrong.moe.ts");
    expect(bad.exitCode).not.toBe(0);
  });

  it("looks for Python in the user's cache, and says how to make it", async () => {
    const env = { XDG_CACHE_HOME: join(folder, "cache"), MOEGEN_PYTHON: "" };
    const ran = await npx(["doctor"], env);
    expect(ran.exitCode).toBe(69);
    expect(ran.stdout).toContain("moegen doctor --fix");
  });

  it("passes publint", async () => {
    const bin = join(root, "node_modules", ".bin", "publint");
    const ran = await execa(bin, ["--strict", "--pack", "false", root], { reject: false });
    expect(ran.stdout + ran.stderr).not.toMatch(/Errors|Warnings/);
    expect(ran.exitCode).toBe(0);
  });
});
