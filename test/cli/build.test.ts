import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen } from "./moegen.ts";

const NAME = "qwen3_30b_a3b";

function contents(out: string): ReadonlyMap<string, string> {
  const folder = join(out, NAME);
  return new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

describe("moegen build", () => {
  it("writes the same bytes twice, and nothing the second time", async () => {
    const [first, second] = [emptyFolder(), emptyFolder()];
    const cache = emptyFolder();
    const env = { XDG_CACHE_HOME: cache };
    expect((await moegen(["build", qwen, "--out", first], { env })).code).toBe(0);
    rmSync(join(cache, "moegen"), { recursive: true });
    // From elsewhere, so that a path in the output would show; made anew, not remembered.
    const elsewhere = { cwd: second, env };
    expect((await moegen(["build", qwen, "--out", second], elsewhere)).code).toBe(0);
    expect(contents(second)).toEqual(contents(first));
    expect([...contents(first).keys()]).toContain("kernel.py");

    const again = await moegen(["build", qwen, "--out", first, "--json"], { env });
    const { packages } = onlyObject(again) as { packages: { files: { state: string }[] }[] };
    expect(packages[0]?.files.map(({ state }) => state)).not.toContain("changed");
  });

  it("leaves nothing behind but the package", async () => {
    const out = emptyFolder();
    await moegen(["build", qwen, "--out", out]);
    expect(readdirSync(out)).toEqual([NAME]);
    expect([...contents(out).keys()].filter((name) => !name.endsWith(".py"))).toEqual([]);
  });

  it("exits 2 on drift, names the files, and changes none", async () => {
    const out = emptyFolder();
    await moegen(["build", qwen, "--out", out]);
    expect((await moegen(["build", qwen, "--out", out, "--check"])).code).toBe(0);

    const kernel = join(out, NAME, "kernel.py");
    writeFileSync(kernel, `${readFileSync(kernel, "utf8")}# edited\n`);
    rmSync(join(out, NAME, "__init__.py"));
    const before = contents(out);
    const ran = await moegen(["build", qwen, "--out", out, "--check", "--json"]);
    expect(ran.code).toBe(2);
    expect(onlyObject(ran)).toMatchObject({ command: "build", status: "failed", drift: true });
    const { packages } = onlyObject(ran) as {
      packages: { files: { path: string; state: string }[] }[];
    };
    expect(packages[0]?.files.filter(({ state }) => state !== "unchanged")).toEqual([
      { path: `${NAME}/__init__.py`, state: "new" },
      { path: `${NAME}/kernel.py`, state: "changed" },
    ]);
    expect(contents(out)).toEqual(before);
  });

  it("removes a file of its own that is not generated any more, and no other", async () => {
    const out = emptyFolder();
    await moegen(["build", qwen, "--out", out]);
    const made = readFileSync(join(out, NAME, "kernel.py"), "utf8");
    writeFileSync(join(out, NAME, "old.py"), made);
    writeFileSync(join(out, NAME, "mine.py"), "x = 1\n");
    expect((await moegen(["build", qwen, "--out", out, "--check"])).code).toBe(2);
    await moegen(["build", qwen, "--out", out]);
    expect([...contents(out).keys()]).toContain("mine.py");
    expect([...contents(out).keys()]).not.toContain("old.py");
  });

  it("writes nothing when any spec has an error", async () => {
    const out = emptyFolder();
    const bad = join(out, "bad.moe.ts");
    writeFileSync(bad, readFileSync(qwen, "utf8").replace("bf: 768", "bf: 500"));
    writeFileSync(bad, readFileSync(bad, "utf8").replace("./configs", join(qwen, "..", "configs")));
    const ran = await moegen(["build", qwen, bad, "--out", join(out, "made")]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("MOE104");
    expect(readdirSync(out)).toEqual(["bad.moe.ts"]);
  });
});
