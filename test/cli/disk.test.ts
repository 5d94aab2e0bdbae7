/** Disks that take nothing more, and paths where no package can be: all or nothing, in one line. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, describe, expect, test } from "vitest";
import { withLock } from "../../src/house/lock.mjs";
import { contents, smallTree, tinySpec } from "../into/tree.ts";
import { emptyFolder, mainFile, moegen, qwen, type Ran } from "./moegen.ts";

/** An error, and the way out: two lines (a usage error points to --help as well). */
function told(ran: Ran, code: 64 | 69, ...words: string[]): void {
  const lines = ran.stderr.split("\n").filter((line) => !line.includes("--help"));
  expect([ran.code, lines.length <= 2, ran.stderr]).toEqual([code, true, expect.any(String)]);
  for (const word of words) expect(ran.stderr).toContain(word);
  expect(ran.stderr).not.toContain("fault of moegen");
}

describe("a path where nothing can be written", () => {
  test("a file, something below a file, a name that no disk takes", async () => {
    const folder = emptyFolder();
    const spec = tinySpec({ name: "tiny_ep4" });
    writeFileSync(join(folder, "file"), "mine\n");
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/tiny_ep4"), "mine\n");
    mkdirSync(join(folder, "deep/tiny_ep4/kernel.py"), { recursive: true });
    const was = contents(folder);
    for (const out of ["file", "file/below", "out"]) {
      told(await moegen(["build", spec, "--out", out], { cwd: folder }), 64, "is a file");
    }
    told(await moegen(["build", spec, "--out", "deep"], { cwd: folder }), 64, "it is a folder");
    const long = ["build", spec, "--out", "x".repeat(300)];
    told(await moegen(long, { cwd: folder }), 64, "longer than the disk takes");
    const init = ["init", "--model", "qwen3-30b-a3b", "--dir", "file/below"];
    told(await moegen(init, { cwd: folder }), 64, "is a file, not a folder");
    expect(contents(folder)).toEqual(was);
    expect(readdirSync(folder).sort()).toEqual(["deep", "file", "out"]);
  });

  test("a pipe where a file of the package belongs, which nobody will ever write to", async () => {
    const folder = emptyFolder();
    const spec = tinySpec({ name: "tiny_ep4" });
    mkdirSync(join(folder, "generated/tiny_ep4"), { recursive: true });
    for (const name of ["stale.py", "kernel.py"]) {
      expect(spawnSync("mkfifo", [join(folder, "generated/tiny_ep4", name)]).status).toBe(0);
    }
    told(await moegen(["build", spec], { cwd: folder }), 64, "kernel.py is no plain file");
    rmSync(join(folder, "generated/tiny_ep4/kernel.py"));
    // Whatever else is there is none of ours.
    expect((await moegen(["build", spec], { cwd: folder })).code).toBe(0);
    expect(statSync(join(folder, "generated/tiny_ep4/stale.py")).isFIFO()).toBe(true);
  });

  test("with --json it is one object", async () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, "file"), "");
    const spec = tinySpec({ name: "tiny_ep4" });
    const ran = await moegen(["build", spec, "--out", "file", "--json"], { cwd: folder });
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: "failed", error: { code: "usage" } });
  });
});

describe("a limit on the size of files", () => {
  /** `moegen build` where no file may be larger than some KiB. */
  const limited = async (kib: number, args: readonly string[], cwd: string): Promise<Ran> => {
    const script = `ulimit -f ${kib}; exec "$@"`;
    const ran = await execa("bash", ["-c", script, "bash", process.execPath, mainFile, ...args], {
      cwd,
      reject: false,
      env: { NO_COLOR: "1" },
    });
    return { code: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr };
  };

  test("a new package, and one that is there: all or nothing", async () => {
    const folder = emptyFolder();
    const [a, b] = [tinySpec({ name: "tiny_a" }), tinySpec({ name: "tiny_b", ep: 2 })];
    told(await limited(10, ["build", a, b], folder), 69, "ulimit", "kernel.py");
    expect(readdirSync(folder)).toEqual([]);
    expect((await moegen(["build", a], { cwd: folder })).code).toBe(0);
    writeFileSync(join(folder, "generated/tiny_a/__init__.py"), "old\n");
    writeFileSync(join(folder, "generated/tiny_a/kernel.py"), "old\n");
    writeFileSync(join(folder, "generated/tiny_a/mine.txt"), "mine\n");
    const was = contents(folder);
    told(await limited(8, ["build", a, b], folder), 69, "ulimit");
    expect(contents(folder)).toEqual(was);
    expect(readdirSync(join(folder, "generated"))).toEqual(["tiny_a"]);
    // With room it is all done, and what a killed build left is gone.
    mkdirSync(join(folder, "generated/.tiny_a.4194305.tmp"));
    expect((await moegen(["build", a, b], { cwd: folder })).code).toBe(0);
    expect(readdirSync(join(folder, "generated")).sort()).toEqual(["tiny_a", "tiny_b"]);
    expect((await moegen(["build", a, b, "--check"], { cwd: folder })).code).toBe(0);
    expect(readFileSync(join(folder, "generated/tiny_a/mine.txt"), "utf8")).toBe("mine\n");
    expect(readdirSync(join(folder, "generated/tiny_a")).filter((n) => /tmp/.test(n))).toEqual([]);
  });
});

const mounted: string[] = [];
afterEach(() => {
  for (const folder of mounted.splice(0)) spawnSync("umount", ["-l", folder]);
});

/** A disk of so many KiB; nothing where this machine lets nobody mount one. */
function smallDisk(kib: number): string | undefined {
  const folder = emptyFolder();
  const made = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", folder]);
  if (made.status !== 0) return undefined;
  mounted.push(folder);
  return folder;
}

/** Takes all the room but some KiB. */
function fill(folder: string, but: number): void {
  const free = spawnSync("df", ["--output=avail", "-k", folder], { encoding: "utf8" });
  const kib = Number(free.stdout.split("\n")[1]) - but;
  writeFileSync(join(folder, "ballast"), Buffer.alloc(Math.max(0, kib) * 1024));
}

describe("a full disk", () => {
  const probe = smallDisk(64);
  const possible = probe !== undefined;

  test.runIf(possible)("build: a package is whole or not there", async () => {
    const spec = tinySpec({ name: "tiny_ep4" });
    for (const room of [0, 4, 24, 48]) {
      const disk = smallDisk(256) ?? "";
      fill(disk, room);
      told(await moegen(["build", spec, "--out", join(disk, "out")]), 69, "the disk is full");
      expect(readdirSync(disk)).toEqual(["ballast"]);
    }
  });

  test.runIf(possible)("build --into: the tree is as it was, or the new one", async () => {
    const small = await smallTree();
    const spec = tinySpec({ name: "tiny_ep4" });
    const seen = new Set<number | undefined>();
    for (const room of [0, 16, 200, 5000]) {
      const disk = smallDisk(8192) ?? "";
      const tree = join(disk, "tree");
      cpSync(small, tree, { recursive: true });
      fill(disk, room);
      const ran = await moegen(["build", spec, "--into", tree]);
      seen.add(ran.code);
      if (ran.code === 0) continue;
      told(ran, 69, "the disk is full");
      expect(contents(tree)).toEqual(contents(small));
      expect(existsSync(join(tree, ".moegen"))).toBe(false);
    }
    expect(seen).toEqual(new Set([69, 0]));
  });

  test.runIf(possible)("a lock that cannot be made is an error, not a wait for ever", async () => {
    const disk = smallDisk(64) ?? "";
    fill(disk, 0);
    await expect(withLock(join(disk, "lock"), async () => 1)).rejects.toMatchObject({
      code: "ENOSPC",
    });
    expect(readdirSync(disk)).toEqual(["ballast"]);
  });

  test.runIf(existsSync("/dev/full"))("output that cannot be written", async () => {
    const script = `"$1" "$2" check "$3" > /dev/full`;
    const spec = tinySpec({ name: "tiny_ep4" });
    const ran = await execa("bash", ["-c", script, "bash", process.execPath, mainFile, spec], {
      reject: false,
    });
    expect([ran.exitCode, ran.stderr]).toEqual([69, expect.stringContaining("cannot be written")]);
    expect(ran.stderr.split("\n")).toHaveLength(1);
  });
});

describe("a pipe or a device in the place of a file", () => {
  const commands = {
    config: ["init", "--config"],
    skew: ["predict", qwen, "--device", "v6e", "--skew"],
  };

  test.each(["config", "skew"] as const)("--%s: is not read", async (option) => {
    const cwd = emptyFolder();
    expect(spawnSync("mkfifo", [join(cwd, "pipe")]).status).toBe(0);
    for (const path of ["./pipe", "/dev/zero"]) {
      const ran = await moegen([...commands[option], path], { cwd });
      told(ran, 64, `${path} is no plain file: save the `);
    }
  });
});
