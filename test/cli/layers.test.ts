/** Commands on a spec of several kinds of layers. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, root } from "./moegen.ts";

const SPEC = `import { moe } from "moegen";
const layer = (routing) => ({
  experts: 8, topK: 2, hidden: 256, intermediate: 128, activation: "silu", routing,
});
export default moe({
  name: "two_kinds",
  layers: {
    given: { at: [0, 1], layer: layer({ where: "given" }) },
    scored: { at: [2], layer: layer({ scoring: "softmax", renormalize: true }) },
  },
  mesh: { ep: 2 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 256, bt: 16, bf: 128, bd: 256 } } },
});
`;

const ONE = join(root, "examples/qwen3-30b-a3b.moe.ts");
let cwd: string;
const run = (...args: string[]) => moegen(args, { cwd });

beforeEach(() => {
  cwd = emptyFolder();
  writeFileSync(join(cwd, "two.moe.ts"), SPEC);
});

describe("a spec of several kinds of layers", () => {
  it("is checked, each kind with its layers", async () => {
    const checked = onlyObject(await run("check", "two.moe.ts", "--json"));
    expect(checked).toMatchObject({
      status: "ok",
      specs: [],
      layers: [
        {
          name: "two_kinds",
          kinds: [
            { kind: "given", layers: [0, 1] },
            { kind: "scored", layers: [2] },
          ],
        },
      ],
    });
  });

  it("is built into one package, and found unchanged", async () => {
    expect((await run("build", "two.moe.ts")).code).toBe(0);
    expect(readdirSync(join(cwd, "generated/two_kinds")).sort()).toEqual(
      ["__init__.py", "common", "given", "layers.py", "scored"].sort(),
    );
    const given = (file: string) =>
      readFileSync(join(cwd, "generated/two_kinds/given", file), "utf8");
    // Ids come, k of them: nothing chooses.
    expect(given("reference.py")).not.toContain("TOP_K");
    expect(given("shapes.py")).toMatch(
      /^"""Sizes, .* of the two_kinds kernel of given layers\."""$/m,
    );
    expect(given("kernel.py")).toContain("routing: given by the caller.");
    expect((await run("build", "two.moe.ts", "--check")).code).toBe(0);
    // What is no longer made is taken away, also a kind of layers.
    const other = SPEC.replace("scored:", "routed:");
    writeFileSync(join(cwd, "two.moe.ts"), other);
    expect((await run("build", "two.moe.ts", "--check")).code).toBe(2);
    expect((await run("build", "two.moe.ts")).code).toBe(0);
    expect(readdirSync(join(cwd, "generated/two_kinds/routed"))).toContain("kernel.py");
    expect(readdirSync(join(cwd, "generated/two_kinds"))).not.toContain("scored");
    writeFileSync(join(cwd, "two.moe.ts"), SPEC);
  });

  it("is explained kind by kind, or those that are named", async () => {
    const both = onlyObject(await run("explain", "two.moe.ts", "--json"));
    expect(both.kinds).toMatchObject([
      { kind: "given", layers: [0, 1], plan: { name: "two_kinds_given" } },
      { kind: "scored", layers: [2], plan: { name: "two_kinds_scored" } },
    ]);
    // 3 matrices of 256 x 128 in bfloat16 are 192 KiB: 4 experts a device, of 3 layers.
    expect(both.memory).toMatchObject({ layers: 3, total: 3 * 4 * 192 * 1024 });
    const page = await run("explain", "two.moe.ts");
    expect(page.stdout).toMatch(/HBM of all kinds .*\n {2}3 layers 2\.3 MiB/);
    const one = await run("explain", "two.moe.ts", "--kind", "scored");
    expect(one.stdout).not.toContain("HBM of all kinds");
    expect(one.stdout).toContain("scored, layers 2");
    expect(one.stdout).not.toContain("given, layers");
    expect(one.stdout).toContain("next: moegen explain two.moe.ts --kind scored --full");
  });

  it("lists the devices that multiply the weights alone", async () => {
    const v4 = join(root, "examples/layers/deepseek-v4-flash.moe.ts");
    const { kinds, memory } = onlyObject(await run("explain", v4, "--json"));
    const names = ({ devices }: { devices: { device: string }[] }) =>
      devices.map(({ device }) => device);
    const of = kinds as { memory: Parameters<typeof names>[0] }[];
    expect(of.map((one) => names(one.memory))).toEqual([["v7x"], ["v7x"]]);
    expect(names(memory as Parameters<typeof names>[0])).toEqual(["v7x"]);
  });

  it("is validated in the package that the kinds share", async () => {
    const args = ["validate", "two.moe.ts", "--case", "uniform", "--json"];
    const result = onlyObject(await run(...args));
    expect(result).toMatchObject({
      status: "ok",
      kinds: [
        { kind: "given", ok: true },
        { kind: "scored", ok: true },
      ],
    });
  });

  it.each([
    [["explain", "two.moe.ts", "--kind", "dense"], "no kind dense; two.moe.ts has given, scored"],
    [["explain", ONE, "--kind", "dense"], "--kind goes with a spec that has layers"],
    [["predict", "two.moe.ts", "--write"], "--write puts one layer's figures into a spec"],
    [["sweep", "two.moe.ts", "--write"], "--write puts one layer's figures into a spec"],
    [["profile", "two.moe.ts", "--trace", "x"], "--trace is for one kind of layers: name it"],
    [["build", "two.moe.ts", "--into", "."], "two.moe.ts has layers: a tree has one kernel"],
  ])("refuses by name: %s", async (args, says) => {
    const refused = await run(...args);
    expect(refused.stderr).toContain(says);
    expect(refused.code).toBe(64);
  });
});
