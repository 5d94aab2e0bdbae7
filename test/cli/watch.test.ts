import { spawn } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { emptyFolder, mainFile, qwen } from "./moegen.ts";
import { until } from "./processes.ts";

it("build --watch builds again when the spec changes, tells a mistake, and ends with Ctrl-C", async () => {
  const cwd = emptyFolder();
  const spec = join(cwd, "my.moe.ts");
  cpSync(join(dirname(qwen), "configs"), join(cwd, "configs"), { recursive: true });
  const text = readFileSync(qwen, "utf8");
  writeFileSync(spec, text);
  const child = spawn(process.execPath, [mainFile, "build", "my.moe.ts", "--watch"], {
    cwd,
    env: { ...process.env, NO_COLOR: "1" },
  });
  let seen = "";
  child.stdout.on("data", (chunk) => {
    seen += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    seen += String(chunk);
  });
  const closed = new Promise((resolve) => child.on("close", resolve));
  const says = (words: string): Promise<boolean> =>
    until(() => seen.includes(words) && seen.trimEnd().endsWith("to stop"));

  expect(await says("10 files of 10 written")).toBe(true);
  seen = "";
  writeFileSync(spec, text.replace("bf: 768", "bf: 500"));
  expect(await says("MOE104")).toBe(true);
  seen = "";
  writeFileSync(spec, text.replace("bf: 768", "bf: 384"));
  expect(await says("changed")).toBe(true);
  expect(readFileSync(join(cwd, "generated", "qwen3_30b_a3b", "tiles.py"), "utf8")).toContain(
    "384",
  );
  child.kill("SIGINT");
  expect(await closed).toBe(130);
});
