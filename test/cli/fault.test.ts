/** A fault of moegen itself: its stack is shown, and the command ends whatever it leaves behind. */
import { expect, it } from "vitest";
import { mainFile, moegen, onlyObject, qwen } from "./moegen.ts";

/** Loaded before moegen: a timer that nobody ends, and a fault in the middle of the command. */
const fault = `
if (process.argv[1] === ${JSON.stringify(mainFile)}) {
  setInterval(() => {}, 1_000);
  const write = process.stdout.write;
  process.stdout.write = () => {
    process.stdout.write = write;
    throw new TypeError("no such table");
  };
}`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` };

it("ends with exit 70 and the stack", async () => {
  const ran = await moegen(["check", qwen], { env });
  expect(ran.stderr).toContain("error: no such table");
  expect(ran.stderr).toMatch(/this is a fault of moegen, please report it:\nTypeError: .*\n +at /);
  expect([ran.code, ran.stdout]).toEqual([70, ""]);
});

it("ends with one object where one was asked for", async () => {
  const ran = await moegen(["check", qwen, "--json"], {
    env: { NODE_OPTIONS: env.NODE_OPTIONS.replaceAll("stdout", "stderr") },
  });
  expect(ran.code).toBe(70);
  expect(onlyObject(ran)).toMatchObject({ error: { code: "internal", message: "no such table" } });
});
