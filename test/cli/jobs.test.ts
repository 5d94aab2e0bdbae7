/** The commands that need Python, once each: what they compute is tested with the runner. */
import { describe, expect, it } from "vitest";
import { moegen, onlyObject, qwen } from "./moegen.ts";

describe("the commands that need Python", () => {
  it("validate gives one object, and its lines on stderr", async () => {
    const ran = await moegen(["validate", qwen, "--case", "one-token", "--seed", "3", "--json"]);
    expect(ran.code).toBe(0);
    expect(onlyObject(ran)).toMatchObject({
      command: "validate",
      status: "ok",
      seed: 3,
      cases: [{ case: "one-token", tokens: 1, ok: true }],
    });
    expect(ran.stderr).toContain("1 case passed");
  });

  it("validate refuses a case that there is not, and names those there are", async () => {
    const { code, stderr } = await moegen(["validate", qwen, "--case", "one-tokn"]);
    expect(code).toBe(64);
    expect(stderr).toContain("one-token");
  });

  it("compile gives one object, and nothing of libtpu's noise", async () => {
    const args = ["compile", qwen, "--device", "v6e", "--tokens", "64", "--json"];
    const ran = await moegen(args);
    expect(ran.code).toBe(0);
    expect(onlyObject(ran)).toMatchObject({
      command: "compile",
      status: "ok",
      targets: [{ device: "v6e", tokens: 64, fits: true }],
    });
    expect(ran.stderr).not.toMatch(/^[EWI]\d{4} /m);
  });
});
