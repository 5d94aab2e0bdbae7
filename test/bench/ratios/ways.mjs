/** The ways in which a layer's kernel may be generated: schedules, and what their buckets may choose. */

/** @typedef {import("../../../src/spec/spec.ts").MoeSpec} MoeSpec */
/** @typedef {import("../../../src/schedule/schedule.ts").Schedule} Schedule */
/** @typedef {{ name: string, schedule: MoeSpec["schedule"], layer: MoeSpec["layer"] }} Way */

/** @typedef {MoeSpec["layer"]} Layer */

const FLOAT8 = "float8_e4m3fn";

/** @type {Readonly<Record<string, string>>} what a way's name says of rows that lie there */
const ELSEWHERE = {
  "two passes": " in two passes",
  hbm: " from HBM",
  "hbm with sums": " with sums in HBM",
  "hbm with results": " with results in HBM",
};

/**
 * The layer with what the published kernels of v7x round to 8 bits: what devices send each other, and
 * where weights multiply such rows the activations too.
 * @param {Layer} layer
 * @returns {readonly (readonly [string, Layer])[]}
 */
function narrowed(layer) {
  const { quantization } = layer;
  const multiplied = ["float8", "float4"].some((type) => quantization?.weights.startsWith(type));
  const sums = /** @type {const} */ ({ combine: "int8" });
  return [
    [", 8-bit rows", { ...layer, wire: { dispatch: FLOAT8 } }],
    [", 8-bit rows and sums", { ...layer, wire: { dispatch: FLOAT8, ...sums } }],
    ...(quantization === undefined || !multiplied
      ? []
      : [
          /** @type {const} */ ([
            ", 8-bit activations and sums",
            { ...layer, quantization: { ...quantization, activations: FLOAT8 }, wire: sums },
          ]),
        ]),
  ];
}

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
    const residences = ["vmem", ...(options.includes("rows") ? Object.keys(ELSEWHERE) : [])];
    /** @type {ReturnType<typeof narrowed>} */
    const layers = [["", layer], ...(narrow ? narrowed(layer) : [])];
    return layers.flatMap(([rounded, made]) =>
      residences.map((rows) => ({
        name: `${kind}${ELSEWHERE[rows] ?? ""}${rounded}`,
        schedule: /** @type {Way["schedule"]} */ (
          /** @type {unknown} */ ({
            kind,
            tiles: { only: { upTo: tokens, ...auto, ...(rows in ELSEWHERE ? { rows } : {}) } },
          })
        ),
        layer: made,
      })),
    );
  });
}
