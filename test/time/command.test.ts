import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen } from "../cli/moegen.ts";

/** Device files of TPUs: there these tests would measure. */
const hasTpu = existsSync("/dev/accel0") || existsSync("/dev/vfio/0");

describe.skipIf(hasTpu)("moegen time without a TPU", () => {
  it("says so, names predict, and exits with 69", async () => {
    const ran = await moegen(["time", qwen, "--json"], { cwd: emptyFolder() });
    expect(ran.code).toBe(69);
    expect(onlyObject(ran)).toMatchObject({
      ...{ command: "time", status: "failed" },
      error: { code: "no-tpu", fix: expect.stringContaining("moegen predict") },
    });
    const plain = await moegen(["time", qwen], { cwd: emptyFolder() });
    expect(plain.stderr).toContain("there is no TPU on this machine");
    expect(plain.stdout).toBe("");
  });

  it.each([
    ["a host of another kind", ["--on", "telnet:x"], "wanted local or ssh:HOST"],
    ["a host that is an option of ssh", ["--on", "ssh:-oProxyCommand=x"], "wanted local or ssh"],
    ["an unknown back end", ["--backend", "gpu"], "Known: tpu, cpu"],
    ["a TPU kind of a CPU", ["--backend", "cpu", "--device", "v6e"], "does not go with"],
    ["no repetitions", ["--repetitions", "0"], "at least 1"],
  ])("%s is wrong use", async (_, args, hint) => {
    const ran = await moegen(["time", qwen, ...args], { cwd: emptyFolder() });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain(hint);
  });
});
