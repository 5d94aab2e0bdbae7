/**
 * `npm run bench:formats [-- --json] [-- --device v6e,v7x] [-- --tokens 2048]`: the feed-forward of
 * Qwen3-30B-A3B with its weights in every format, by the real compiler: bundles of each stage, and
 * what they are of bfloat16's.
 */
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../src/house/build.mjs";
import { say, script } from "../../src/house/report.mjs";
import { compileFormats, FORMATS } from "./format-specs.mjs";
import { PREFILL } from "./measure.mjs";

/** @typedef {import("./format-specs.mjs").Measured} Measured */

const STAGES = /** @type {const} */ (["feed_forward"]);

/**
 * @param {Measured} measured
 * @param {number | undefined} base bundles of bfloat16
 */
function line({ format, device, rows, stages, sum, message }, base) {
  if (message !== null) return `${format.padEnd(22)} ${device}  ${message}`;
  const parts = STAGES.map((stage) => String(stages[stage] ?? 0).padStart(10));
  const ratio = base === undefined ? "" : `${(sum / base).toFixed(2)}x`;
  return [
    format.padEnd(22),
    device,
    String(rows).padStart(5),
    ...parts,
    String(sum).padStart(8),
    ratio.padStart(7),
  ].join("  ");
}

async function main() {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      device: { type: "string" },
      tokens: { type: "string" },
      format: { type: "string" },
    },
  });
  await ensureBuilt();
  const devices = /** @type {import("../../src/target/device/registry.ts").DeviceName[]} */ (
    (values.device ?? "v6e,v7x").split(",")
  );
  const formats = values.format?.split(",") ?? Object.keys(FORMATS);
  const measured = await compileFormats({
    devices,
    formats,
    tokens: Number(values.tokens ?? PREFILL),
    onTarget: (name, device) => say(`${name} on ${device}`),
  });
  if (values.json) {
    console.log(JSON.stringify(measured));
    return 0;
  }
  console.log(
    [
      "format".padEnd(22),
      "   ",
      " rows",
      ...STAGES.map((s) => s.padStart(10)),
      "     sum",
      "of bf16",
    ].join("  "),
  );
  for (const one of measured) {
    const base = measured.find(
      ({ format, device, rows }) =>
        format === "bfloat16" && device === one.device && rows === one.rows,
    );
    console.log(line(one, base?.sum));
  }
  return 0;
}

await script(main);
