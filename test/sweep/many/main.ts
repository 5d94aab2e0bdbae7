#!/usr/bin/env node
/**
 * `npm run sweep:ray [-- losses overhead real] [-- --candidates 200]`: sweeps over several raylets of
 * this machine while nodes, workers and drivers are killed; what the engine costs; the real
 * compiler. Prints a table; code 1 where a line is not as it must be. Takes half an hour.
 */
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkoutEnvironment, ensureRay } from "../../../src/house/python-env.mjs";
import { script } from "../../../src/house/report.mjs";
import { setUp } from "../../../src/house/setup.mjs";
import { losses } from "./losses.ts";
import { overhead } from "./overhead.ts";
import { real } from "./real.ts";
import { folder } from "./sweeps.ts";
import { Table } from "./table.ts";

/** Candidates of one row tile. */
const A_ROW_TILE = 8;

await script(async () => {
  const { values, positionals } = parseArgs({
    options: { candidates: { type: "string", default: "200" } },
    allowPositionals: true,
  });
  await setUp();
  await ensureRay(checkoutEnvironment);
  const rowTiles = Math.round(Number(values.candidates) / A_ROW_TILE);
  const table = new Table();
  const parts = { losses, overhead, real };
  try {
    for (const [name, part] of Object.entries(parts)) {
      if (positionals.length > 0 && !positionals.includes(name)) continue;
      await part(table, rowTiles);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.stdout.write(`${table.text}\n`);
  }
  return table.failed === 0 ? 0 : 1;
});
