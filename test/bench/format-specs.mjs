/** Qwen3-30B-A3B with its weights in each format, compiled: what a format costs. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dist } from "../../src/house/paths.mjs";
import { specOf } from "./measure.mjs";

/** @typedef {import("../../src/target/device/registry.ts").DeviceName} DeviceName */
/** @typedef {import("../../src/spec/quantization.ts").Quantization} Quantization */
/**
 * @typedef {object} Measured
 * @property {string} format
 * @property {DeviceName} device
 * @property {number} rows of the feed-forward's body
 * @property {Readonly<Record<string, number>>} stages bundles
 * @property {number} sum
 * @property {number | null} vmemError the plan's VMEM against the compiler's
 * @property {string | null} message why there is none
 */

const block = (/** @type {number} */ size) =>
  /** @type {const} */ ({ kind: "sub_channel", block: size });

/** @type {Readonly<Record<string, Quantization | undefined>>} */
export const FORMATS = {
  bfloat16: undefined,
  "float8 channels": of("float8_e4m3fn", "per_channel"),
  "float8 128 x 128": of("float8_e4m3fn", "blocks_128x128"),
  "float8 blocks of 32": of("float8_e4m3fn", block(32)),
  "int8 channels": of("int8", "per_channel"),
  "int8 blocks of 128": of("int8", block(128)),
  "int8 blocks of 32": of("int8", block(32)),
  "int4 channels": of("int4", "per_channel"),
  "int4 blocks of 128": of("int4", block(128)),
  "int4 blocks of 32": of("int4", block(32)),
  "float4 channels": of("float4_e2m1fn", "per_channel"),
  "float4 blocks of 32": of("float4_e2m1fn", block(32)),
};

/**
 * @param {Quantization["weights"]} weights
 * @param {Quantization["granularity"]} granularity
 * @returns {Quantization}
 */
function of(weights, granularity) {
  return { weights, granularity, scales: "float32" };
}

const load = (/** @type {readonly string[]} */ ...path) =>
  import(pathToFileURL(join(dist, ...path)).href);
/** @type {() => Promise<typeof import("../../src/check/index.ts")>} */
const checking = () => load("check", "index.js");
/** @type {() => Promise<typeof import("../../src/check/judge.ts")>} */
const judging = () => load("check", "judge.js");
/** @type {() => Promise<typeof import("../../src/runner/index.ts")>} */
const running = () => load("runner", "index.js");

/**
 * @param {{ devices: readonly DeviceName[], formats: readonly string[], tokens: number,
 *   bodies?: readonly number[], onTarget?: (format: string, device: DeviceName) => void }} options
 * @returns {Promise<readonly Measured[]>} each body of each format on each device
 */
export async function compileFormats({ devices, formats, tokens, bodies, onTarget }) {
  const [{ registries }, { judge }, { compileSpec }] = await Promise.all([
    checking(),
    judging(),
    running(),
  ]);
  const spec = await specOf("qwen3-30b-a3b");
  const found = [];
  for (const device of devices) {
    for (const format of formats) {
      if (!(format in FORMATS)) throw new RangeError(`no format ${format}`);
      const quantization = FORMATS[format];
      const layer = { ...spec.layer, ...(quantization === undefined ? {} : { quantization }) };
      const schedule = bodies === undefined ? spec.schedule : withBodies(spec.schedule, bodies);
      const { plan, findings } = judge(
        { ...spec, layer, schedule, devices: /** @type {const} */ ([device]) },
        registries,
      );
      const refused = findings.filter(({ severity }) => severity === "error");
      if (plan === undefined || refused.length > 0) {
        const message = refused.map((finding) => `${finding.code} ${finding.message}`).join("; ");
        found.push({ format, device, rows: 0, stages: {}, sum: 0, vmemError: null, message });
        continue;
      }
      onTarget?.(format, device);
      const { targets } = await compileSpec(plan, { tokens: [tokens], workers: 1 }, () => {});
      for (const target of targets) found.push(...bodiesOf(format, device, target));
    }
  }
  return found;
}

/**
 * The schedule with these row bodies in every bucket, the last of them its bt.
 * @template {{ tiles: object }} S
 * @param {S} schedule
 * @param {readonly number[]} btc
 * @returns {S}
 */
function withBodies(schedule, btc) {
  const tiles = Object.entries(schedule.tiles).map(([name, bucket]) => [
    name,
    { ...bucket, bt: btc.at(-1), btc },
  ]);
  return { ...schedule, tiles: Object.fromEntries(tiles) };
}

/**
 * @param {string} format
 * @param {DeviceName} device
 * @param {import("./measure.mjs").Target} target
 * @returns {readonly Measured[]}
 */
function bodiesOf(format, device, { bundles, vmem, failure }) {
  const message = failure?.message ?? null;
  /** @type {Map<number, Record<string, number>>} */
  const bodies = new Map(message === null ? [] : [[0, {}]]);
  for (const [path, count] of Object.entries(bundles?.scopes ?? {})) {
    const [, stage, rows] = /(feed_forward)_(\d+)$/.exec(path) ?? [];
    if (stage === undefined) continue;
    const body = bodies.get(Number(rows)) ?? {};
    body[stage] = (body[stage] ?? 0) + count;
    bodies.set(Number(rows), body);
  }
  const used = vmem.used ?? 0;
  const vmemError = used === 0 ? null : vmem.planned / used - 1;
  return [...bodies].map(([rows, stages]) => {
    const sum = Object.values(stages).reduce((all, one) => all + one, 0);
    return { format, device, rows, stages, sum, vmemError, message };
  });
}
