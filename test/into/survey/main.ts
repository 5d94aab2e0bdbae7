/**
 * `npm run survey [-- --every 10] [-- --only 0.1.0rc0] [-- --json]`: which versions of sgl-jax moegen builds into. Every
 * tenth commit of the clone that MOEGEN_SGLJAX_HISTORY names, from 2025-11-19 to its HEAD, and every
 * release below the folder that MOEGEN_SGLJAX_PACKAGES names (unpacked wheels, one folder each) is
 * built into, checked and reverted, all in this one process. Prints the table of docs/trees.md.
 */
import { parseArgs } from "node:util";
import { say, script } from "../../../src/house/report.mjs";
import { type Surveyed, survey, table } from "./survey.ts";
import { commitsOf, releasesOf, type Version } from "./versions.ts";

await script(async () => {
  const { values } = parseArgs({
    options: {
      every: { type: "string", default: "10" },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
    },
  });
  const every = Number(values.every);
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new Error(`--every ${values.every}: a whole number is needed`);
  }
  const { MOEGEN_SGLJAX_HISTORY: history, MOEGEN_SGLJAX_PACKAGES: packages } = process.env;
  if (!history && !packages) {
    throw new Error("set MOEGEN_SGLJAX_HISTORY to a clone of sgl-jax, or MOEGEN_SGLJAX_PACKAGES");
  }
  const versions: readonly Version[] = [
    ...(packages ? releasesOf(packages) : []),
    ...(history ? await commitsOf(history, every) : []),
  ];
  const surveyed: Surveyed[] = [];
  const { only } = values;
  for (const version of versions) {
    if (only.length > 0 && !only.includes(version.name)) continue;
    const one = await survey(version);
    say(`${one.version}: ${one.refused ?? `${one.tree}, ${one.models.join(", ")}`}`);
    surveyed.push(one);
  }
  console.info(values.json ? JSON.stringify(surveyed, null, 2) : table(surveyed));
  const broken = surveyed.some(
    (one) => one.built && !(one.checked && one.reverted && one.undefined.length === 0),
  );
  return broken ? 1 : 0;
});
