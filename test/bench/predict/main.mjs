/**
 * `npm run bench:predict [-- FILE.jsonl…] [--json] [--arms]`: the predictor against published
 * measurements, set by set. Without a file, those beside this program; `README.md` there says what
 * a record is and what the figures mean.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../../src/house/build.mjs";
import { dist, root } from "../../../src/house/paths.mjs";
import { HouseError, say, script } from "../../../src/house/report.mjs";
import { armLines, page } from "./report.mjs";

const OWN = join(root, "test", "bench", "predict", "measurements.jsonl");

/** @typedef {import("../../../src/predict/truth/record.ts").TruthRecord} TruthRecord */

/**
 * Records of a file, and the lines that are none.
 * @param {string} path
 */
function readLines(path) {
  if (!existsSync(path)) {
    throw new HouseError(`no file ${path}`, "name a ground-truth file: one JSON object a line");
  }
  /** @type {TruthRecord[]} */
  const records = [];
  /** @type {string[]} */
  const wrong = [];
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      const value = JSON.parse(line);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw new SyntaxError("not a JSON object");
      }
      records.push(value);
    } catch (error) {
      wrong.push(`${path}:${index + 1}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { records, wrong };
}

await script(async () => {
  const { values, positionals } = parseArgs({
    options: { json: { type: "boolean" }, arms: { type: "boolean" } },
    allowPositionals: true,
  });
  const files = positionals.length > 0 ? positionals : [OWN];
  const read = files.map(readLines);
  const records = read.flatMap((file) => file.records);
  const wrong = read.flatMap((file) => file.wrong);
  for (const line of wrong) say(`skipped ${line}`);
  await ensureBuilt();
  /** @type {Pick<typeof import("../../../src/predict/truth/bench.ts"), "bench">} */
  const { bench } = await import(pathToFileURL(join(dist, "predict", "truth", "bench.js")).href);
  const start = performance.now();
  const result = await bench(records, (done, all) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  ${done} of ${all} predicted`);
  });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  const seconds = (performance.now() - start) / 1000;
  if (values.json) {
    const status = result.arms.length > 0 ? "ok" : "failed";
    process.stdout.write(
      `${JSON.stringify({ command: "bench:predict", status, wrong, ...result, seconds })}\n`,
    );
  } else {
    if (values.arms) process.stdout.write(armLines(result.arms));
    process.stdout.write(page(result, seconds));
  }
  if (result.arms.length === 0) say("no record could be predicted");
  return result.arms.length > 0 ? 0 : 1;
});
