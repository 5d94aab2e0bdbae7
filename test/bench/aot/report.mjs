/** The table of `npm run bench:aot`: one line a kernel, then the worst error of the plan by device. */

/** @typedef {import("./compile.mjs").Row} Row */

const MIB = 2 ** 20;
const mib = (/** @type {number | null} */ bytes) =>
  bytes === null ? "-" : (bytes / MIB).toFixed(1);

/**
 * Share that the plan's VMEM is above (or below) the compiler's.
 * @param {Row} row
 */
export function errorOf({ planned, used }) {
  return planned === null || used === null ? null : planned / used - 1;
}

const percent = (/** @type {number | null} */ share) =>
  share === null ? "-" : `${share < 0 ? "-" : "+"}${Math.abs(share * 100).toFixed(2)} %`;

const WIDTHS = [22, 6, 6, 8, 9, 9, 9, 8, 6];
const cells = (/** @type {readonly string[]} */ texts) =>
  texts
    .map((text, index) =>
      index === 0 || index === 1 || index === 3
        ? text.padEnd(WIDTHS[index] ?? 0)
        : text.padStart(WIDTHS[index] ?? 0),
    )
    .join(" ");

export const HEAD = cells([
  ...["kernel", "device", "T", "fits", "planned", "compiler", "error", "bundles", "s"],
]);

/**
 * @param {Row} row
 * @param {string} [features]
 */
export function line(row, features) {
  const figures = cells([
    row.name,
    row.device,
    String(row.tokens),
    row.fits,
    mib(row.planned),
    mib(row.used),
    percent(errorOf(row)),
    row.bundles?.toLocaleString("en-US") ?? "-",
    row.seconds.toFixed(1),
  ]);
  return `${figures}  ${row.message ?? features ?? ""}`.trimEnd();
}

/** @param {readonly Row[]} rows */
export function worstErrors(rows) {
  const devices = [...new Set(rows.map(({ device }) => device))].sort();
  return devices.map((device) => {
    const judged = rows.filter((row) => row.device === device && errorOf(row) !== null);
    const size = (/** @type {Row} */ row) => Math.abs(errorOf(row) ?? 0);
    const worst = judged.reduce(
      (/** @type {Row | undefined} */ most, row) =>
        most === undefined || size(row) > size(most) ? row : most,
      undefined,
    );
    return {
      device,
      kernels: judged.length,
      error: worst === undefined ? null : errorOf(worst),
      worst: worst === undefined ? null : { name: worst.name, tokens: worst.tokens },
    };
  });
}

/** @param {readonly Row[]} rows */
export function summary(rows) {
  const count = (/** @type {Row["fits"]} */ fits) => rows.filter((row) => row.fits === fits).length;
  const lines = worstErrors(rows).map(({ device, kernels, error, worst }) => {
    const where = worst === null ? "" : `  ${worst.name} T ${worst.tokens}`;
    return `  ${device}  ${kernels} kernels, worst error of the planned VMEM ${percent(error)}${where}`;
  });
  return [
    `${count("yes")} compile, ${count("no")} do not, ${count("refused")} were refused by the plan`,
    ...lines,
  ].join("\n");
}
