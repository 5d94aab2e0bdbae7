/**
 * `npm run survey [-- --every 10] [-- --only 0.1.0rc0] [-- --json] [-- --write]`: which versions of sgl-jax moegen builds
 * into. Every tenth commit of the clone that MOEGEN_SGLJAX_HISTORY names, from 2025-11-19 to its HEAD, and
 * every release below the folder that MOEGEN_SGLJAX_PACKAGES names (unpacked wheels, one folder each) is
 * built into, checked and reverted, all in this one process. Prints the tables of docs/trees.md, that of
 * what was decoded where MOEGEN_SGLJAX_DECODED names the proofs' record; `--write` puts them there.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../../src/house/paths.mjs";
import { say, script } from "../../../src/house/report.mjs";
import { decodedTable } from "./decoded.ts";
import { type Surveyed, survey, table } from "./survey.ts";
import { commitsOf, releasesOf, type Version } from "./versions.ts";

const DOCS = join(root, "docs", "trees.md");

/** Puts a table between the two marks of that name in the docs. */
function write(name: string, text: string): void {
  const docs = readFileSync(DOCS, "utf8");
  const [before, rest] = docs.split(`<!-- ${name} -->\n`);
  const [, after] = rest?.split(`<!-- end of ${name} -->\n`) ?? [];
  if (before === undefined || after === undefined) {
    throw new Error(
      `${DOCS} has no place between "<!-- ${name} -->" and "<!-- end of ${name} -->"`,
    );
  }
  const marked = `<!-- ${name} -->\n${text}\n<!-- end of ${name} -->\n`;
  writeFileSync(DOCS, `${before}${marked}${after}`);
}

await script(async () => {
  const { values } = parseArgs({
    options: {
      every: { type: "string", default: "10" },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const every = Number(values.every);
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new Error(`--every ${values.every}: a whole number is needed`);
  }
  const { MOEGEN_SGLJAX_HISTORY: history, MOEGEN_SGLJAX_PACKAGES: packages } = process.env;
  const decoded = process.env.MOEGEN_SGLJAX_DECODED;
  if (!history && !packages && !decoded) {
    throw new Error(
      "set MOEGEN_SGLJAX_HISTORY to a clone of sgl-jax, MOEGEN_SGLJAX_PACKAGES or MOEGEN_SGLJAX_DECODED",
    );
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
  if (values.json) console.info(JSON.stringify(surveyed, null, 2));
  const tables = {
    ...(surveyed.length > 0 && !values.json ? { survey: table(surveyed) } : {}),
    ...(decoded && !values.json ? { decoded: decodedTable(decoded) } : {}),
  };
  for (const [name, text] of Object.entries(tables)) {
    console.info(text);
    if (values.write) write(name, text);
  }
  const broken = surveyed.some(
    (one) => one.built && !(one.checked && one.reverted && one.undefined.length === 0),
  );
  return broken ? 1 : 0;
});
