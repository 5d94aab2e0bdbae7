/** Everything a fresh clone needs: Node packages, `dist`, the Python environment. Costs nothing when all is in place. */
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "./build.mjs";
import { ensureNodePackages } from "./node-packages.mjs";
import { checkoutEnvironment, ensurePythonEnvironment } from "./python-env.mjs";
import { script } from "./report.mjs";

/**
 * All of it, in the order in which one needs the other. Throws HouseError for what the user can
 * mend.
 */
export async function setUp() {
  await ensureNodePackages();
  await ensureBuilt();
  await ensurePythonEnvironment(checkoutEnvironment);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await script(async () => {
    await setUp();
    return 0;
  });
}
