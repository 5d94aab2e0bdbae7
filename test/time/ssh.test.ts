import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findSshd } from "../../src/house/sshd.mjs";
import { requirePython } from "../../src/runner/index.ts";
import { emptyFolder, mainFile, moegen, onlyObject, qwen, root } from "../cli/moegen.ts";
import { isAlive, until } from "../cli/processes.ts";
import { type Sshd, startSshd } from "./sshd.ts";

const here = findSshd() !== undefined;
if (!here) console.warn("no sshd here: the worker is not tested over ssh");

/** A Python for the host that leaves its process id, has its files in `tmp`, and may do harm first. */
function pythonOf(folder: string, harm = ""): string {
  const file = join(folder, "python");
  const tmp = join(folder, "tmp");
  mkdirSync(tmp, { recursive: true });
  const real = `exec "${requirePython(root).python}" "$@"`;
  const lines = [`echo $$ >> "${folder}/pid"`, `export TMPDIR="${tmp}"`, harm, real];
  writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return file;
}

const pidOf = (folder: string): number => Number(readFileSync(join(folder, "pid"), "utf8"));

const CPU = ["--backend", "cpu", "--tokens", "16", "--warmup", "1", "--repetitions", "3"];

describe.runIf(here)("moegen time over a real ssh", () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  const time = (folder: string, args: readonly string[], on = "ssh:loopback") =>
    moegen(["time", qwen, "--on", on, ...args, "--json"], { cwd: folder, env: sshd.env });

  it("checks and times a kernel there, and leaves nothing", async () => {
    const folder = emptyFolder();
    const ran = await time(folder, [...CPU, "--python", pythonOf(folder)]);
    expect(ran.stderr).toContain("CPU wall time");
    expect(ran.code).toBe(0);
    const result = onlyObject(ran);
    expect(result).toMatchObject({
      ...{ command: "time", status: "ok", host: "loopback", clock: "cpu", deviceKind: "cpu" },
      size: { scaled: true, ep: 4 },
      // A CPU's wall time is never device time.
      calls: [{ tokens: 16, check: { ok: true, rows: 16 }, deviceTime: null }],
    });
    const [call] = result.calls as [{ check: { error: number }; cpuWallTime: { samples: [] } }];
    expect(call.check.error).toBeGreaterThan(0);
    expect(call.cpuWallTime.samples).toHaveLength(3);
    expect(await until(() => !isAlive(pidOf(folder)))).toBe(true);
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });

  it("says that the host has no TPU, and names predict", async () => {
    const folder = emptyFolder();
    const ran = await time(folder, ["--python", pythonOf(folder)]);
    expect(ran.code).toBe(69);
    expect(onlyObject(ran)).toMatchObject({
      error: {
        ...{ code: "no-tpu", message: expect.stringContaining("loopback") },
        fix: expect.stringContaining("moegen predict"),
      },
    });
  });

  it.each([
    ["that nothing answers at", "ssh:gone", [], "host-unreachable", "Connection refused"],
    [
      "without that Python",
      "ssh:loopback",
      ["--python", "/no/python"],
      "broken-python",
      "/no/python",
    ],
  ])("a host %s is an error with its reason", async (_, on, args, code, reason) => {
    const ran = await time(emptyFolder(), [...CPU, ...args], on);
    expect(ran.code).toBe(69);
    const message = expect.stringContaining(reason);
    expect(onlyObject(ran)).toMatchObject({ error: { code, message, fix: expect.any(String) } });
  });

  it("a host whose shell and Python print garbage is heard all the same", async () => {
    const folder = emptyFolder();
    const garbage = `echo "Welcome!"; printf '{"id":1}x\\n\\000\\377\\n'; echo noise >&2`;
    const ran = await time(folder, ["--python", pythonOf(folder, garbage)]);
    expect(onlyObject(ran)).toMatchObject({ error: { code: "no-tpu" } });
  });

  it("garbage in place of a worker is an error with what it said last", async () => {
    const folder = emptyFolder();
    const python = pythonOf(folder, `echo '{"id": garbage'; echo "out of memory" >&2; exit 3`);
    const ran = await time(folder, [...CPU, "--python", python]);
    expect(ran.code).toBe(69);
    const message = expect.stringContaining("out of memory");
    expect(onlyObject(ran)).toMatchObject({ error: { code: "broken-python", message } });
  });

  /** Starts a run and waits until its kernel is being compiled or run there. */
  async function started(folder: string) {
    const long = ["--backend", "cpu", "--tokens", "16", "--repetitions", "10000"];
    const args = ["time", qwen, "--on", "ssh:loopback", "--python", pythonOf(folder), ...long];
    const child = spawn(process.execPath, [mainFile, ...args, "--json"], {
      cwd: folder,
      env: { ...process.env, ...sshd.env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk);
    });
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    const kernels = () =>
      readdirSync(join(folder, "tmp")).filter((name) => /^moegen-(?!worker)/.test(name));
    expect(await until(() => kernels().length > 0)).toBe(true);
    return { child, closed, said: () => JSON.parse(stdout) as object };
  }

  it("a worker that is killed there ends the run with its reason", async () => {
    const folder = emptyFolder();
    const { closed, said } = await started(folder);
    process.kill(pidOf(folder), "SIGKILL");
    expect(await closed).toBe(75);
    expect(said()).toMatchObject({ command: "time", error: { code: "lost" } });
  });

  it("Ctrl-C ends the worker there too", async () => {
    const folder = emptyFolder();
    const { child, closed, said } = await started(folder);
    child.kill("SIGINT");
    expect(await closed).toBe(130);
    expect(said()).toMatchObject({ command: "time", error: { code: "interrupted" } });
    expect(await until(() => !isAlive(pidOf(folder)))).toBe(true);
  });
});
