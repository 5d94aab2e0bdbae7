import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { launcherFiles } from "../../src/cli/init/launcher.ts";
import { launcherNames, launchers } from "../../src/launcher/registry.ts";
import { deviceNames, deviceOf } from "../../src/target/device/registry.ts";
import { emptyFolder, moegen, onlyObject, root } from "../cli/moegen.ts";

const versionIn = (lock: string, name: RegExp): string => {
  const text = readFileSync(join(root, "python", lock), "utf8");
  return new RegExp(`^${name.source}==(\\S+)`, "m").exec(text)?.[1] ?? "";
};

describe("moegen init --launcher", () => {
  it("writes a folder of plain files, and nothing a second time", async () => {
    const cwd = emptyFolder();
    const args = ["init", "--launcher", "kuberay", "--device", "v5p", "-o", "deploy", "--json"];
    const first = await moegen(args, { cwd });
    expect(first.code).toBe(0);
    const { files, written } = onlyObject(first) as { files: string[]; written: string[] };
    expect(onlyObject(first)).toMatchObject({ status: "ok", folder: "deploy/kuberay" });
    expect(written).toEqual(files);
    expect(
      readdirSync(join(cwd, "deploy/kuberay")).map((name) => `deploy/kuberay/${name}`),
    ).toEqual([...files].sort());
    const text = readFileSync(join(cwd, "deploy/kuberay/cluster.yaml"), "utf8");
    expect(text).toContain("cloud.google.com/gke-tpu-accelerator: tpu-v5p-slice");
    expect(onlyObject(await moegen(args, { cwd }))).toMatchObject({ status: "ok", written: [] });
  });

  it("overwrites nothing, whatever it is told, and then writes nothing else", async () => {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, "compose"));
    writeFileSync(join(cwd, "compose", "job.sh"), "# mine\n");
    const args = ["init", "--launcher", "compose", "--force"];
    const ran = await moegen(args, { cwd });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain("compose/job.sh exists and is different");
    expect(readdirSync(join(cwd, "compose"))).toEqual(["job.sh"]);
    rmSync(join(cwd, "compose", "job.sh"));
    expect((await moegen(args, { cwd })).stdout).toContain("wrote compose/job.sh");
  });

  it.each([
    ["an unknown launcher", ["--launcher", "nomad"], "compose, kuberay, skypilot"],
    ["a device whose slices nobody names", ["--device", "v7x"], "known: v5e, v5p, v6e"],
    ["two kinds of slice", ["--device", "v5e,v6e"], "slices of one kind"],
    ["a spec besides", ["--model", "grok-2"], "--launcher makes no spec"],
  ])("%s is wrong use", async (_, args, hint) => {
    const cwd = emptyFolder();
    const ran = await moegen(["init", "--launcher", "compose", ...args], { cwd });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain(hint);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe.each(launcherNames)("the files of %s", (name) => {
  const files = launcherFiles(name, "v6e");

  it("are in the registry's words, and each says what it is", () => {
    const { files: own, shared } = launchers[name];
    expect([...files.keys()].slice(0, own.length + shared.length)).toEqual([...own, ...shared]);
    for (const [file, text] of files) expect(text.startsWith("#"), file).toBe(true);
  });

  it("give nodes the locked Ray and Python's packages, and no machine's path", () => {
    const ray = versionIn("requirements-cluster.lock", /ray\[default\]/);
    expect(ray).toBe(versionIn("requirements-ray.lock", /ray/));
    const all = [...files.values()].join("\n");
    for (const [, found] of all.matchAll(/ray\[default\]==([\d.]+)/g)) expect(found).toBe(ray);
    expect(all).not.toContain(root);
    expect(all).not.toMatch(/undefined|\{\{/);
  });

  it("have scripts that bash reads", () => {
    for (const [file, text] of files) {
      if (file.endsWith(".sh")) execFileSync("bash", ["-n"], { input: text });
    }
  });

  it("are there for each device whose slices are known", () => {
    const known = deviceNames.filter((device) => deviceOf(device).slice !== undefined);
    expect(known).toEqual(["v5e", "v5p", "v6e"]);
    for (const device of known) expect(launcherFiles(name, device).size).toBe(files.size);
  });
});
