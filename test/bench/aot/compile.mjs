/** Specs through the real compiler, device by device; results are kept, so that a run can go on. */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { dist, root } from "../../../src/house/paths.mjs";

/** @typedef {import("./specs.mjs").Entry} Entry */
/** @typedef {import("../measure.mjs").Target} Target */
/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} device
 * @property {number} tokens
 * @property {"yes" | "no" | "refused"} fits refused: by moegen's own rules, before the compiler
 * @property {number | null} planned bytes of VMEM by the plan
 * @property {number | null} used bytes of VMEM by the compiler
 * @property {number | null} bundles
 * @property {number} seconds of tracing and compiling
 * @property {string | null} message why it does not fit
 */

const load = (/** @type {readonly string[]} */ ...path) =>
  import(pathToFileURL(join(dist, ...path)).href);

/** @type {() => Promise<typeof import("../../../src/check/index.ts")>} */
const checking = () => load("check", "index.js");
/** @type {() => Promise<typeof import("../../../src/check/judge.ts")>} */
const judging = () => load("check", "judge.js");
/** @type {() => Promise<typeof import("../../../src/emit/index.ts")>} */
const emitting = () => load("emit", "index.js");
/** @type {() => Promise<typeof import("../../../src/lower/lower.ts")>} */
const lowering = () => load("lower", "lower.js");
/** @type {() => Promise<typeof import("../../../src/runner/index.ts")>} */
const running = () => load("runner", "index.js");

/** What the compiler was given: the generated files, and the compiler itself. */
function fingerprint(/** @type {ReadonlyMap<string, string>} */ files) {
  const hash = createHash("sha256");
  hash.update(readFileSync(join(root, "python", "requirements-dev.lock")));
  for (const [path, text] of [...files].sort()) hash.update(`${path}\0${text}\0`);
  return hash.digest("hex");
}

/** Rows of earlier runs by fingerprint, device and T; a line that a kill cut short is skipped. */
class Store {
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {string} path */
  constructor(path) {
    this.path = path;
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, "utf8").split("\n")) {
      try {
        const { key, row } = JSON.parse(line);
        this.#rows.set(key, row);
      } catch {}
    }
  }

  /** @param {string} key */
  get(key) {
    return this.#rows.get(key);
  }

  /**
   * @param {string} key
   * @param {Row} row
   */
  add(key, row) {
    mkdirSync(dirname(this.path), { recursive: true });
    appendFileSync(this.path, `${JSON.stringify({ key, row })}\n`);
  }
}

/**
 * @param {string} name
 * @param {Target} target
 * @returns {Row}
 */
function rowOf(name, { device, tokens, fits, vmem, bundles, seconds, failure }) {
  return {
    name,
    device,
    tokens,
    fits: fits ? "yes" : "no",
    planned: vmem.planned,
    used: fits || failure?.kind === "vmem" ? vmem.used : null,
    bundles: bundles?.total ?? null,
    seconds: seconds.trace + seconds.compile,
    message: failure?.message ?? null,
  };
}

/**
 * @param {readonly Entry[]} entries
 * @param {{ store?: string, workers?: number, onRow?: (row: Row, kept: boolean) => void }} options
 *   `store`: a file for results, absent: none is kept
 * @returns {Promise<readonly Row[]>}
 */
export async function compileEntries(entries, { store: path, workers = 1, onRow } = {}) {
  const [{ registries }, { judge }, { emitPackage }, { lowerFor }, { compileSpec }] =
    await Promise.all([checking(), judging(), emitting(), lowering(), running()]);
  const store = path === undefined ? undefined : new Store(path);
  /** @type {Row[]} */
  const rows = [];
  const finish = (/** @type {Row} */ row, kept = false) => {
    rows.push(row);
    onRow?.(row, kept);
  };
  for (const { name, spec, tokens } of entries) {
    for (const device of spec.devices) {
      const { plan, findings } = judge({ ...spec, devices: [device] }, registries);
      if (plan === undefined) {
        const message = findings.find(({ severity }) => severity === "error")?.message ?? "";
        const nothing = { planned: null, used: null, bundles: null, seconds: 0 };
        for (const t of tokens) {
          finish({ name, device, tokens: t, fits: "refused", ...nothing, message });
        }
        continue;
      }
      const print = fingerprint(await emitPackage(plan));
      const keyOf = (/** @type {number} */ t) => `${print} ${device} ${t}`;
      const missing = tokens.filter((t) => {
        const kept = store?.get(keyOf(t));
        if (kept === undefined) return true;
        // The plan may have changed where the files did not.
        const planned = lowerFor(plan, { device, tokens: t }, registries).vmem.used;
        finish({ ...kept, name, planned }, true);
        return false;
      });
      if (missing.length === 0) continue;
      await compileSpec(plan, { devices: [device], tokens: missing, workers }, (event) => {
        if (event.event !== "target") return;
        const row = rowOf(name, event);
        if (event.failure?.kind !== "crash") store?.add(keyOf(event.tokens), row);
        finish(row);
      });
    }
  }
  return rows;
}
