/** A sweep as a job of Ray: submit.sh, on a cluster whose Python is a launcher's and that has no moegen. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { launcherFiles } from "../../src/cli/init/launcher.ts";
import { ensureNodeEnvironment } from "../../src/house/launchers.mjs";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, qwen, root } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { startNodes } from "./nodes.ts";

describe.runIf(long)("submit.sh", () => {
  it("sends moegen and a spec, and records stay where the cluster keeps them", async () => {
    const python = await ensureNodeEnvironment();
    const cwd = emptyFolder();
    for (const [file, text] of launcherFiles("compose", "v6e"))
      writeFileSync(join(cwd, file), text);
    mkdirSync(join(cwd, "sweeps"));
    const env = {
      MOEGEN_STORE: join(cwd, "sweeps"),
      PATH: `${dirname(python)}:${process.env.PATH}`,
      MOEGEN_PYTHON: "",
    };
    const nodes = await startNodes(1, { python, env, jobs: true });
    try {
      const args = ["--tiles", "bt=64,128", "--bucket", "decode", "--device", "v6e"];
      const ran = await execa("bash", ["submit.sh", qwen, ...args], {
        ...{ cwd, reject: false, all: true },
        env: {
          ...{ RAY: join(dirname(python), "ray"), MOEGEN: root },
          RAY_API_SERVER_ADDRESS: nodes.dashboard,
        },
      });
      expect(ran.all).toContain("succeeded");
      expect(ran.exitCode).toBe(0);
      const { records } = Store.open(join(cwd, "sweeps"));
      expect(records.map(({ status }) => status)).toEqual(["ok", "ok"]);
    } finally {
      await nodes.stop();
    }
  });
});
