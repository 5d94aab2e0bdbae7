/** The ways in which a layer's kernel may be generated: schedules, and what their buckets may choose. */

/** @typedef {import("../../../src/spec/spec.ts").MoeSpec} MoeSpec */
/** @typedef {import("../../../src/schedule/schedule.ts").Schedule} Schedule */
/** @typedef {{ name: string, schedule: MoeSpec["schedule"] }} Way */

/**
 * Every registered schedule with a bucket up to `tokens`, its tiles left to `auto`, and with rows in
 * HBM where it can.
 * @param {readonly Schedule[]} schedules
 * @param {number} tokens
 * @returns {readonly Way[]}
 */
export function waysOf(schedules, tokens) {
  return schedules.flatMap(({ kind, axes, options }) => {
    const auto = Object.fromEntries(axes.map(({ name }) => [name, { kind: "auto" }]));
    const way = (/** @type {string} */ name, /** @type {object} */ more) => {
      const tiles = { only: { upTo: tokens, ...auto, ...more } };
      const schedule = /** @type {Way["schedule"]} */ (/** @type {unknown} */ ({ kind, tiles }));
      return { name, schedule };
    };
    return [
      way(kind, {}),
      ...(options.includes("rows") ? [way(`${kind} from HBM`, { rows: "hbm" })] : []),
    ];
  });
}
