/**
 * `npm run bench:ratios [-- --only WORDS] [--tokens LIST] [--narrow] [--likely N] [--schedules LIST] [--json]`:
 * the fastest generated kernel against the fastest published one, both as predicted, for each layer,
 * device and T of `cells.mjs`. --narrow: those too that round rows, sums or activations to 8 bits, as
 * the published ones of v7x do. --likely: the N kernels of each schedule that its own estimate
 * takes for the fastest, and no others: a kernel takes minutes to compile, an estimate none. --schedules:
 * of those schedules alone.
 * Each T has a package of one bucket. Compiled kernels are kept: a second run goes on where one ended.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../../src/house/build.mjs";
import { dist } from "../../../src/house/paths.mjs";
import { say, script } from "../../../src/house/report.mjs";
import { specOf } from "../measure.mjs";
import { CELLS } from "./cells.mjs";
import { waysOf } from "./ways.mjs";

/** @typedef {import("./cells.mjs").Cells} Cells */
/** @typedef {{ name: string, us: number }} Time */
/** @typedef {{ way: string, why: string }} Refused */
/** @typedef {Parameters<typeof waysOf>[0]} Schedules */
/**
 * @typedef {object} Cell
 * @property {string} layer
 * @property {string} device
 * @property {number} ep
 * @property {number} tokens
 * @property {number} floor microseconds
 * @property {readonly Time[]} own fastest first
 * @property {readonly Time[]} others fastest first
 * @property {readonly Refused[]} refused ways that there are not
 */

const load = (/** @type {readonly string[]} */ ...path) =>
  import(pathToFileURL(join(dist, ...path)).href);

/** @type {Readonly<Record<string, readonly string[]>>} */
const RUN_ON = {
  v6e: ["epmoe", "sgl-jax-v1", "sgl-jax-v2", "tpu-inference-gmm", "tpu-inference-v1"],
  v7x: [
    ...["epmoe", "sgl-jax-v2", "tpu-inference-gmm", "tpu-inference-fused-gmm"],
    ...["tpu-inference-runs", "tpu-inference-rows", "tpu-inference-v1"],
  ],
};

/** Its authors give it no more devices. */
const MOST_EP = /** @type {Readonly<Record<string, number>>} */ ({ "tpu-inference-runs": 10 });

const byTime = (/** @type {Time} */ a, /** @type {Time} */ b) => a.us - b.us;

/**
 * Of each schedule those that it estimates to be the fastest, or all of one that estimates nothing.
 * @template {{ kind: string, estimate: number | undefined }} Way
 * @param {readonly Way[]} ways
 * @param {number} most
 * @returns {readonly Way[]}
 */
function likely(ways, most) {
  const least = (/** @type {Way} */ { estimate }) => estimate ?? 0;
  return [...new Set(ways.map(({ kind }) => kind))].flatMap((kind) => {
    const own = ways.filter((way) => way.kind === kind);
    if (own.some(({ estimate }) => estimate === undefined)) return own;
    return own.toSorted((a, b) => least(a) - least(b)).slice(0, most);
  });
}

/**
 * @param {Cells} cells
 * @param {number} tokens
 * @param {{ narrow: boolean, most: number, schedules: Schedules }} which of the ways
 * @returns {Promise<Cell>}
 */
async function measure({ name, example, fields, device, ep }, tokens, { narrow, most, schedules }) {
  /** @type {[Pick<typeof import("../../../src/check/index.ts"), "registries">, typeof import("../../../src/check/judge.ts"), typeof import("../../../src/cli/predict/contenders.ts"), typeof import("../../../src/predict/predict.ts"), typeof import("../../../src/runner/index.ts")]} */
  const [{ registries }, { judge }, { contendersOf }, { predict }, { CompileCache }] =
    await Promise.all([
      load("check", "index.js"),
      load("check", "judge.js"),
      load("cli", "predict", "contenders.js"),
      load("predict", "predict.js"),
      load("runner", "index.js"),
    ]);
  const spec = await specOf(example);
  const layer = { ...spec.layer, ...fields };
  const call = { device, tokens, skew: /** @type {const} */ ({ kind: "uniform" }) };
  const cache = CompileCache.usual();
  const options = cache === undefined ? {} : { cache };
  /** @type {Time[]} */
  const own = [];
  /** @type {Refused[]} */
  const refused = [];
  /** @type {Time[]} */
  const others = [];
  let floor = 0;
  const ways = [];
  for (const way of waysOf(schedules, layer, tokens, narrow)) {
    const { axes } = spec.mesh;
    const kernel = { layer: way.layer, schedule: way.schedule };
    const { plan, resolved, findings } = judge(
      { ...spec, ...kernel, mesh: { ep, axes }, devices: [device] },
      registries,
    );
    if (plan === undefined) {
      const error = findings.find(({ severity }) => severity === "error");
      refused.push({ way: way.name, why: `${error?.code} ${error?.message}` });
      continue;
    }
    const { kind } = way.schedule;
    const [tiles] = resolved;
    const facts = registries.devices[device];
    const estimate =
      tiles &&
      facts &&
      registries.schedules[kind]?.seconds?.({
        ...{ layer: way.layer, ep, devices: [device], device: facts },
        ...{ tiles: tiles.request, tokens },
      });
    ways.push({ name: way.name, kind, plan, estimate });
  }
  for (const { name: way, plan } of likely(ways, most)) {
    if (others.length === 0) {
      const names = (RUN_ON[device] ?? []).filter((one) => ep <= (MOST_EP[one] ?? ep));
      const choices = names.map((one) => ({ kind: /** @type {const} */ ("published"), name: one }));
      for (const { name: other, request, steps } of await contendersOf(choices, plan, call, {})) {
        const found = predict(request, steps);
        floor = found.floor.seconds * 1e6;
        others.push({ name: other, us: found.seconds * 1e6 });
      }
    }
    try {
      const [ours] = await contendersOf([{ kind: "own", plan }], plan, call, options);
      if (ours === undefined) continue;
      own.push({ name: way, us: predict(ours.request, ours.steps).seconds * 1e6 });
    } catch (thrown) {
      if (!(thrown instanceof Error && thrown.name === "PredictionError")) throw thrown;
      refused.push({ way, why: thrown.message });
    }
  }
  own.sort(byTime);
  others.sort(byTime);
  return { layer: name, device, ep, tokens, floor, own, others, refused };
}

/** @param {Cell} cell */
function ratioOf({ own: [ours], others: [other] }) {
  return ours === undefined || other === undefined ? undefined : ours.us / other.us;
}

const us = (/** @type {number} */ value) => value.toFixed(value < 100 ? 1 : 0);

/** @param {Cell} cell */
function line(cell) {
  const { layer, device, ep, tokens, floor, own, others, refused } = cell;
  const [ours] = own;
  const [other] = others;
  return [
    `${layer}, ${device} ep ${ep}, T ${tokens}:`,
    ours === undefined ? "no kernel" : `${us(ours.us)} us (${ours.name})`,
    other === undefined ? "" : `against ${us(other.us)} (${other.name}),`,
    `ratio ${ratioOf(cell)?.toFixed(2) ?? "-"}, over floor ${ours ? (ours.us / floor).toFixed(2) : "-"}`,
    ...own.slice(1).map(({ name, us: time }) => `; ${name} ${us(time)}`),
    ...[...new Set(refused.map(({ why }) => why))].map((why) => {
      const ways = refused.filter((one) => one.why === why).map(({ way }) => way);
      return `; no ${ways.join(" / ")}: ${why}`;
    }),
  ].join(" ");
}

await script(async () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      tokens: { type: "string" },
      narrow: { type: "boolean" },
      likely: { type: "string" },
      schedules: { type: "string" },
      json: { type: "boolean" },
    },
  });
  await ensureBuilt();
  const most = Number(values.likely ?? Infinity);
  if (!(most >= 1)) {
    say(`--likely ${values.likely}: a whole number of at least 1`);
    return 2;
  }
  /** @type {Pick<typeof import("../../../src/check/index.ts"), "registries">} */
  const { registries } = await load("check", "index.js");
  const registered = Object.keys(registries.schedules);
  const kinds = values.schedules?.split(",") ?? registered;
  const unknown = kinds.find((kind) => !registered.includes(kind));
  if (unknown !== undefined) {
    say(`--schedules ${unknown}: one of ${registered.join(", ")}`);
    return 2;
  }
  const schedules = Object.values(registries.schedules).filter(({ kind }) => kinds.includes(kind));
  const wanted = values.tokens?.split(",").map(Number);
  const cells = CELLS.filter(({ name, device, ep }) =>
    (values.only ?? "").split(" ").every((word) => `${name} ${device} ep${ep}`.includes(word)),
  );
  const asked = cells.flatMap((one) =>
    one.tokens
      .filter((tokens) => wanted?.includes(tokens) ?? true)
      .map((tokens) => ({ one, tokens })),
  );
  if (asked.length === 0) {
    say(`no cell: ${CELLS.map(({ name, device, ep }) => `${name} ${device} ep${ep}`).join(", ")}`);
    return 2;
  }
  /** @type {Cell[]} */
  const found = [];
  for (const { one, tokens } of asked) {
    const cell = await measure(one, tokens, { narrow: values.narrow === true, most, schedules });
    found.push(cell);
    say(line(cell));
  }
  const ratios = found.flatMap((cell) => ratioOf(cell) ?? []);
  if (values.json) console.log(JSON.stringify({ command: "bench:ratios", cells: found }));
  else say(`${found.length} cells, worst ratio ${Math.max(...ratios).toFixed(2)}`);
  return ratios.length === found.length ? 0 : 1;
});
