/** `npm run -s moegen -- ARGS`: the command line of a checkout, built first when a source changed. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt } from "./build.mjs";
import { ensureNodePackages } from "./node-packages.mjs";
import { dist } from "./paths.mjs";
import { script } from "./report.mjs";

await script(async () => {
  await ensureNodePackages();
  await ensureBuilt();
  // npm changes to the package's folder; paths are meant from where the user stands.
  if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  /** @type {{ main(args: readonly string[]): Promise<number> }} */
  const cli = await import(pathToFileURL(join(dist, "cli", "program.js")).href);
  return cli.main(process.argv.slice(2));
});
