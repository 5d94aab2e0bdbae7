/** What `npm run bench:predict` prints. */

/** @typedef {import("../../../src/predict/truth/bench.ts").BenchResult} BenchResult */
/** @typedef {import("../../../src/predict/truth/bench.ts").SetScore} SetScore */
/** @typedef {import("../../../src/predict/truth/bench.ts").Arm} Arm */

const GOAL = { correlation: 0.9, regret: 0.05 };

const figure = (/** @type {number | null} */ value, digits = 2) =>
  value === null ? "-" : value.toFixed(digits);
const percent = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;

/**
 * @param {readonly string[]} titles
 * @param {readonly (readonly string[])[]} rows
 */
function table(titles, rows) {
  const all = [titles, ...rows];
  const widths = titles.map((_, at) => Math.max(...all.map((row) => (row[at] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** @param {SetScore} score */
function row(score) {
  const { set, records, arms, spearman, spearmanWithin, regret, signs, ratio } = score;
  const reached =
    (spearman ?? 1) >= GOAL.correlation &&
    (regret?.mean ?? 0) <= GOAL.regret &&
    signs.right === signs.of;
  return [
    set,
    `${records}`,
    `${arms}`,
    figure(spearman),
    figure(spearmanWithin),
    regret === null ? "-" : percent(regret.mean),
    regret === null ? "-" : percent(regret.worst),
    signs.of === 0 ? "-" : `${signs.right} of ${signs.of}`,
    ratio === null ? "-" : figure(ratio.median),
    ratio === null ? "-" : `${figure(ratio.low)} to ${figure(ratio.high)}`,
    arms === 0 ? "-" : reached ? "yes" : "no",
  ];
}

/**
 * @param {BenchResult} result
 * @param {number} seconds
 */
export function page({ sets, arms }, seconds) {
  const titles = ["set", "records", "arms", "Spearman", "within", "regret", "worst", "signs"];
  titles.push("ratio", "four of five", "goals");
  const skipped = sets.flatMap(({ set, skipped: why }) =>
    why.map((each) => `  ${set}: ${each.records} skipped, ${each.why}`),
  );
  const assumed = sets
    .filter((score) => score.assumed.length > 0)
    .map((score) => `  ${score.set}: ${score.assumed.join("; ")}`);
  return [
    table(titles, sets.map(row)),
    "",
    `goals: correlation >= ${GOAL.correlation}, mean regret <= ${percent(GOAL.regret)}, every sign right`,
    "within: mean over problems with three arms or more; ratio: predicted over measured, median",
    ...(skipped.length > 0 ? ["", "skipped", ...skipped] : []),
    ...(assumed.length > 0 ? ["", "assumed where records do not say", ...assumed] : []),
    "",
    `${arms.length} predictions in ${seconds.toFixed(1)} s`,
    "",
  ].join("\n");
}

/** @param {readonly Arm[]} arms */
export function armLines(arms) {
  const rows = arms.map((arm) => [
    arm.set.slice(0, 24),
    arm.kernel,
    arm.device,
    `${arm.ep}`,
    `${arm.tokens}`,
    arm.routing,
    (arm.predicted * 1e6).toFixed(0),
    (arm.measured * 1e6).toFixed(0),
    (arm.predicted / arm.measured).toFixed(2),
    arm.arm.slice(arm.kernel.length + 1).slice(0, 90),
  ]);
  const titles = ["set", "kernel", "device", "ep", "T", "routing", "predicted us", "measured us"];
  return `${table([...titles, "ratio", "tiles"], rows)}\n\n`;
}
