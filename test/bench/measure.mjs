/** What the benchmark and the tests of the kernel measure: examples through the real compiler. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { dist, root } from "../../src/house/paths.mjs";
import { rowWork } from "./row-work.mjs";

/** @typedef {import("../../src/runner/types.ts").CompileTargetResult} Target */
/** @typedef {import("../../src/plan/plan.ts").Plan} Plan */
/** @typedef {{ plan: Plan, targets: readonly Target[] }} Compiled */

export const DECODE = 64;
export const PREFILL = 2048;

/**
 * A built module.
 * @param {readonly string[]} path below `dist`
 */
const load = (...path) => import(pathToFileURL(join(dist, ...path)).href);

/** @type {() => Promise<Pick<typeof import("../../src/check/index.ts"), "checkFile" | "registries">>} */
const checker = () => load("check", "index.js");
/** @type {() => Promise<Pick<typeof import("../../src/runner/index.ts"), "compileSpec">>} */
const runner = () => load("runner", "index.js");
/** @type {() => Promise<Pick<typeof import("../../src/lower/lower.ts"), "lowerFor">>} */
const lowering = () => load("lower", "lower.js");

/** Names of the examples, without `.moe.ts`. */
export const examples = () =>
  readdirSync(join(root, "examples"))
    .filter((name) => name.endsWith(".moe.ts"))
    .map((name) => name.slice(0, -".moe.ts".length));

/** @param {string} example */
async function checkExample(example) {
  const { checkFile } = await checker();
  return checkFile(join(root, "examples", `${example}.moe.ts`));
}

/** @param {string} example */
export async function planOf(example) {
  const { plan, diagnostics } = await checkExample(example);
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

/** @param {string} example */
export async function specOf(example) {
  const { loaded, diagnostics } = await checkExample(example);
  if (loaded === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return loaded.spec;
}

/**
 * @param {string} example
 * @param {{ devices?: readonly string[],
 *   tokens?: readonly number[], workers?: number, onTarget?: (target: Target) => void }} options
 * @returns {Promise<Compiled>}
 */
export async function compileExample(example, { onTarget, ...options } = {}) {
  const { compileSpec } = await runner();
  const plan = await planOf(example);
  const { targets } = await compileSpec(
    plan,
    { tokens: [DECODE, PREFILL], ...options },
    (event) => event.event === "target" && onTarget?.(event),
  );
  return { plan, targets };
}

/**
 * The kernel's plan at the size that was compiled.
 * @param {Plan} plan
 * @param {Target} target
 */
export async function kernelOf(plan, { device, tokens }) {
  const [{ lowerFor }, { registries }] = await Promise.all([lowering(), checker()]);
  return lowerFor(plan, { device, tokens }, registries);
}

/**
 * @param {Plan} plan
 * @param {Target} target
 */
export async function rowWorkOf(plan, target) {
  if (target.bundles === null) throw new Error("the compiler gave no schedule");
  const { bundles } = target;
  return rowWork({ bundles, plan, kernel: await kernelOf(plan, target) });
}

/**
 * Bytes of VMEM by the compiler's report: buffers that the plan should know, and spilled registers.
 * @param {Target} target
 */
export function vmemOf({ vmem }) {
  const spill = vmem.buffers
    .filter(({ tag }) => tag === "SPILL")
    .reduce((sum, { bytes }) => sum + bytes, 0);
  return { planned: vmem.planned, used: vmem.used, spill };
}
