/**
 * Child of `killed-write.test.ts`: writes packages and is killed (SIGKILL) before one of its changes to
 * the disk. Ends with code 0 when there are not so many.
 *
 *   node killed-write.mjs JOB.json STEP      JOB is {out, packages}
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [job = "", step = "0"] = process.argv.slice(2);
const { out, packages } = JSON.parse(fs.readFileSync(job, "utf8"));
let left = Number(step);

for (const name of /** @type {const} */ ([
  "renameSync",
  "writeFileSync",
  "linkSync",
  "rmSync",
  "mkdirSync",
])) {
  const real = /** @type {(...args: unknown[]) => unknown} */ (fs[name]);
  Object.assign(fs, {
    [name]: (/** @type {unknown[]} */ ...args) => {
      if (left-- > 0) return real(...args);
      process.kill(process.pid, "SIGKILL");
      // The signal may take a moment to arrive: nothing else is done meanwhile.
      for (;;);
    },
  });
}
syncBuiltinESMExports();

const { writePackages } = await import("../../dist/cli/write-packages.js");
await writePackages(out, packages);
