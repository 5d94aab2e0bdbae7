/**
 * Bundles a routed row that a kernel spends outside its matrix multiplies, by stage.
 *
 * The compiler says how many bundles every loop body has; the plan says how often a stage runs
 * and on how many rows. Bundles times trips, divided by the routed rows of a device, is the
 * stage's cost: one bundle is one cycle, waits for copies apart. Two figures for each stage:
 *
 * - `loop`: the innermost loop alone, as the bricks of other kernels are quoted;
 * - `all`: that, the loops around it, and the stage's code outside loops.
 *
 * Assumed: uniform routing. Loops of one depth count together: those beside the main loop go round
 * the devices and are a few bundles.
 * Markers of the named scopes, a bundle each, are counted: the figures are upper bounds.
 * Bundles in no scope (`unattributed`) and waits are in no sum.
 */

/** @typedef {import("../../src/plan/plan.ts").KernelPlan} KernelPlan */
/** @typedef {import("../../src/plan/plan.ts").Plan} Plan */
/**
 * @typedef {object} Loop
 * @property {string} scope
 * @property {number} depth
 * @property {number} bundles all of the body
 * @property {number} own of them outside inner loops
 * @property {readonly Loop[]} loops
 */
/**
 * @typedef {object} Bundles
 * @property {number} total
 * @property {number} [tracing] of them markers of named scopes
 * @property {Readonly<Record<string, number>>} scopes
 * @property {readonly Loop[]} loops
 */
/** @typedef {{ stage: string, loop: number, all: number, calls: number }} StageWork */
/**
 * @typedef {object} RowWork
 * @property {number} rows routed rows of a device
 * @property {readonly StageWork[]} stages
 * @property {number} loop sum over stages
 * @property {number} all sum over stages
 * @property {number} unattributed bundles of the program in no scope
 */

const last = (/** @type {string} */ scope) => scope.split("/").at(-1) ?? "";

/** Multiplies: feed_forward_64, or gate_up_64, activation and down_64 of a streamed kernel. */
export const isFeedForward = (/** @type {string} */ stage) =>
  /^(gate_up|activation|down|feed_forward)(_\d+)?$/.test(stage);

/**
 * Bundles of one expert tile's feed-forward, by rows of the body.
 * @param {Readonly<Record<string, number>>} scopes
 * @returns {Readonly<Record<number, number>>}
 */
export function feedForward(scopes) {
  /** @type {Record<number, number>} */
  const bodies = {};
  for (const [path, count] of Object.entries(scopes)) {
    const rows = /^(?:gate_up|down|feed_forward)_(\d+)$/.exec(last(path))?.[1];
    if (rows !== undefined) bodies[Number(rows)] = (bodies[Number(rows)] ?? 0) + count;
  }
  return bodies;
}

/** Bundles of a stage, scopes of the same name added up. */
const scopeBundles = (/** @type {Bundles} */ bundles, /** @type {string} */ stage) =>
  Object.entries(bundles.scopes)
    .filter(([path]) => last(path) === stage)
    .reduce((sum, [, count]) => sum + count, 0);

/**
 * Bundles of a stage's loops by depth, those of inner loops not counted again; outermost first.
 * @param {readonly Loop[]} loops
 * @param {string} stage
 * @returns {readonly number[]}
 */
function depthsOf(loops, stage) {
  /** @type {Map<number, number>} */
  const depths = new Map();
  const visit = (/** @type {readonly Loop[]} */ inside) => {
    for (const { scope, depth, own, loops: inner } of inside) {
      if (last(scope) === stage) depths.set(depth, (depths.get(depth) ?? 0) + own);
      visit(inner);
    }
  };
  visit(loops);
  return [...depths].sort(([a], [b]) => a - b).map(([, own]) => own);
}

/**
 * What one stage costs in bundles a call: its innermost loop, and everything.
 * @param {Bundles} bundles
 * @param {string} stage
 * @param {number} runs
 * @param {readonly number[]} trips
 */
function stageWork(bundles, stage, runs, trips) {
  const depths = depthsOf(bundles.loops, stage).slice(-trips.length);
  const inLoops = depths.reduce((sum, own) => sum + own, 0);
  const calls = depths.map((own, index) => own * (trips.at(index - depths.length) ?? 0));
  // Code outside these loops runs once each time the stage does.
  const straight = Math.max(0, scopeBundles(bundles, stage) - inLoops) * runs;
  return {
    inner: calls.at(-1) ?? 0,
    all: calls.reduce((sum, count) => sum + count, straight),
  };
}

/**
 * @param {{ bundles: Bundles, plan: Plan, kernel: KernelPlan }} input
 * @returns {RowWork}
 */
export function rowWork({ bundles, plan, kernel }) {
  const { ep } = plan.mesh;
  const rows = (kernel.tokens * plan.layer.topK) / ep;
  const stages = kernel.calls
    .flatMap((call) => (call.kind === "pallas" ? call.stages : []))
    .filter(({ name }) => !isFeedForward(name))
    .map(({ name, trips: runs, loopTrips }) => {
      const { inner, all } = stageWork(bundles, name, runs, loopTrips);
      return { stage: name, loop: inner / rows, all: all / rows, calls: runs };
    });
  const sum = (/** @type {"loop" | "all"} */ key) =>
    stages.reduce((total, stage) => total + stage[key], 0);
  return {
    rows,
    stages,
    loop: sum("loop"),
    all: sum("all"),
    unattributed: bundles.scopes[""] ?? 0,
  };
}
