/** The benchmark's tables: this kernel's figures beside the peers', as ratios. */
import peers from "./peers.json" with { type: "json" };
import { feedForward } from "./row-work.mjs";

/** @typedef {import("./measure.mjs").Target} Target */
/**
 * @typedef {object} Figures
 * @property {readonly { example: string, target: Target }[]} targets
 * @property {import("./row-work.mjs").RowWork & { example: string, device: string, tokens: number } | null} rowWork
 * @property {{ runs: readonly number[], median: number } | null} build seconds
 */

const number = (/** @type {number} */ value) =>
  value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
const ratio = (/** @type {number} */ ours, /** @type {number} */ theirs) =>
  `${(ours / theirs).toFixed(2)}x`;

/**
 * @param {readonly (readonly string[])[]} rows the first is the head
 * @returns {string}
 */
function table(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return /^[\d.,]+x?$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Peer figures are of this shape; other examples have none. */
const PEER_EXAMPLE = "qwen3-30b-a3b";

/** @param {Figures["targets"]} targets */
export function programRows(targets) {
  return targets.map(({ example, target: { device, tokens, bundles, fits } }) => ({
    example,
    device,
    tokens,
    bundles: fits ? (bundles?.total ?? null) : null,
    peers: peers.program
      .filter((peer) => example === PEER_EXAMPLE && peer.device === device)
      .filter((peer) => !("tokens" in peer) || peer.tokens === tokens),
  }));
}

/** @param {Figures["targets"]} targets */
export function feedForwardRows(targets) {
  // A body is the same code in each bucket that has it: the largest count is shown.
  /** @type {Map<string, { example: string, device: string, rows: number, bundles: number }>} */
  const bodies = new Map();
  for (const { example, target } of targets) {
    for (const [rows, bundles] of Object.entries(feedForward(target.bundles?.scopes ?? {}))) {
      const key = `${example} ${target.device} ${rows}`;
      const most = Math.max(bundles, bodies.get(key)?.bundles ?? 0);
      bodies.set(key, { example, device: target.device, rows: Number(rows), bundles: most });
    }
  }
  return [...bodies.values()].map((body) => ({
    ...body,
    peers: peers.feedForward.filter(
      ({ device, rows }) =>
        body.example === PEER_EXAMPLE && device === body.device && rows === body.rows,
    ),
  }));
}

const against = (
  /** @type {number | null} */ ours,
  /** @type {readonly { peer: string, bundles: number }[]} */ theirs,
) =>
  ours === null
    ? ""
    : theirs
        .map(({ peer, bundles }) => `${ratio(ours, bundles)} ${peer} (${number(bundles)})`)
        .join(", ");

/** @param {Figures} figures */
export function page({ targets, rowWork, build }) {
  const { goals } = peers;
  const parts = [
    "Ratios are ours to theirs: below 1 is fewer bundles.",
    "(a) Whole program, scheduled bundles",
    table([
      ["example", "device", "T", "bundles", "against"],
      ...programRows(targets).map(({ example, device, tokens, bundles, peers: theirs }) => [
        ...[example, device, String(tokens)],
        ...[bundles === null ? "does not fit" : number(bundles), against(bundles, theirs)],
      ]),
    ]),
    `    goal: ${number(goals.v6e.program)} for ${PEER_EXAMPLE} on v6e`,
    "(b) Feed-forward of one expert tile (one weight tile where weights are streamed)",
    table([
      ["example", "device", "rows", "bundles", "against"],
      ...feedForwardRows(targets).map(({ example, device, rows, bundles, peers: theirs }) => [
        ...[example, device, String(rows), number(bundles), against(bundles, theirs)],
      ]),
    ]),
    `    goals on v6e: ${number(goals.v6e.feedForward[64])} for 64 rows, ${number(goals.v6e.feedForward[128])} for 128`,
  ];
  if (rowWork !== null) {
    const { example, device, tokens, stages, rows } = rowWork;
    const theirs = peers.rowWork.filter((peer) => peer.device === device);
    parts.push(
      `(c) Bundles a routed row outside the multiplies: ${example}, ${device}, T = ${tokens}, ${number(rows)} rows a device`,
      table([
        ["stage", "inner loop", "all of it"],
        ...stages.map(({ stage, loop, all }) => [stage, loop.toFixed(2), all.toFixed(2)]),
        ["sum", rowWork.loop.toFixed(2), rowWork.all.toFixed(2)],
      ]),
      `    goal: ${goals.v6e.rowWork}, stretch ${goals.v6e.rowWorkStretch}; ${rowWork.unattributed} bundles of the program are in no stage`,
      table([
        ["peer", "dispatch", "combine", "sum", "against"],
        ...theirs.map(({ peer, dispatch, combine }) => [
          ...[peer, number(dispatch), number(combine), number(dispatch + combine)],
          ratio(rowWork.all, dispatch + combine),
        ]),
      ]),
    );
  }
  if (build !== null) {
    const share = ratio(build.median, goals.buildSeconds);
    parts.push(
      "(d) Build of one spec, warm",
      `    median ${build.median.toFixed(2)} s of ${build.runs.length} runs: ${share} of the ${goals.buildSeconds} s allowed`,
    );
  }
  return `${parts.join("\n\n")}\n`;
}
