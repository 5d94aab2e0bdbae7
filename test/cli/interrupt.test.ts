import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { emptyFolder, mainFile, qwen } from "./moegen.ts";
import { descendants, isAlive, until } from "./processes.ts";

interface Stopped {
  readonly code: number | null;
  readonly stdout: string;
  readonly left: readonly number[];
}

/** Runs a command, waits until it has a child that does some work, and presses Ctrl-C. */
async function stopped(
  args: readonly string[],
  cwd: string,
  times = 1,
  signal: NodeJS.Signals = "SIGINT",
): Promise<Stopped> {
  const child = spawn(process.execPath, [mainFile, ...args], {
    cwd,
    // Of what another test compiled nothing would be started.
    env: { ...process.env, MOEGEN_COMPILE_CACHE: "off" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const pid = child.pid ?? 0;
  expect(await until(() => descendants(pid).length > 0)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const started = descendants(pid);
  for (let press = 0; press < times; press++) {
    // Two at once would arrive as one.
    if (press > 0) await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill(signal);
  }
  const code = await closed;
  await until(() => !started.some(isAlive), 60_000);
  return { code, stdout, left: started.filter(isAlive) };
}

describe.runIf(process.platform === "linux")("Ctrl-C", () => {
  it.each([
    ["validate", [qwen]],
    ["compile", [qwen, "--device", "v6e", "--tokens", "64"]],
    ["profile", [qwen, "--device", "v6e", "--tokens", "64"]],
    ["time", [qwen, "--backend", "cpu", "--repetitions", "10000"]],
    ["sweep", [qwen, "--device", "v6e", "--bucket", "prefill", "--tiles", "bt=64,128"]],
  ])("%s ends with 130 and leaves no process", async (command, args) => {
    const cwd = emptyFolder();
    const { code, stdout, left } = await stopped([command, ...args, "--json"], cwd);
    expect(code).toBe(130);
    expect(left).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({
      command,
      status: "failed",
      error: { code: "interrupted" },
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends with %i, and leaves no process either", async (signal, exit) => {
    const { code, stdout, left } = await stopped(
      ["validate", qwen, "--json"],
      emptyFolder(),
      1,
      signal,
    );
    expect([code, left]).toEqual([exit, []]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "interrupted" } });
  });

  it("twice does not wait, and leaves no process either", async () => {
    const cwd = emptyFolder();
    const tiles = ["--device", "v6e", "--bucket", "prefill", "--tiles", "bt=64,128"];
    const { code, stdout, left } = await stopped(["sweep", qwen, ...tiles, "--json"], cwd, 2);
    expect(code).toBe(130);
    expect(left).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ command: "sweep", status: "failed" });
  });
});
