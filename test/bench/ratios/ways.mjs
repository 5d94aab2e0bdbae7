/** The ways in which a layer's kernel may be generated: schedules, and what their buckets may choose. */

/** @typedef {import("../../../src/spec/spec.ts").MoeSpec} MoeSpec */
/** @typedef {import("../../../src/schedule/schedule.ts").Schedule} Schedule */
/** @typedef {{ name: string, schedule: MoeSpec["schedule"], layer: MoeSpec["layer"] }} Way */

/** What devices send each other in 8 bits, as the published kernels of v7x do. */
const WIRES = /** @type {const} */ ([
  ["", undefined],
  [", 8-bit rows", { dispatch: "float8_e4m3fn" }],
  [", 8-bit rows and sums", { dispatch: "float8_e4m3fn", combine: "int8" }],
]);

/**
 * Every registered schedule with a bucket up to `tokens`, its tiles left to `auto`; with rows of two
 * passes, or in HBM, where it can; with rows and sums in 8 bits where that is asked for.
 * @param {readonly Schedule[]} schedules
 * @param {MoeSpec["layer"]} layer
 * @param {number} tokens
 * @param {boolean} narrow
 * @returns {readonly Way[]}
 */
export function waysOf(schedules, layer, tokens, narrow) {
  return schedules.flatMap((schedule) => {
    const { kind, axes, options } = schedule;
    const auto = Object.fromEntries(axes.map(({ name }) => [name, { kind: "auto" }]));
    const residences = [
      ["", {}],
      ...(options.includes("rows") ? [[" in two passes", { rows: "two passes" }]] : []),
      ...(options.includes("rows") ? [[" from HBM", { rows: "hbm" }]] : []),
      ...(options.includes("rows") ? [[" with sums in HBM", { rows: "hbm with sums" }]] : []),
    ];
    const wires = narrow ? WIRES.slice(1) : WIRES.slice(0, 1);
    return wires.flatMap(([sent, wire]) =>
      residences.map(([from, more]) => ({
        name: `${kind}${from}${sent}`,
        schedule: /** @type {Way["schedule"]} */ (
          /** @type {unknown} */ ({
            kind,
            tiles: { only: { upTo: tokens, ...auto, .../** @type {object} */ (more) } },
          })
        ),
        layer: wire === undefined ? layer : { ...layer, wire },
      })),
    );
  });
}
