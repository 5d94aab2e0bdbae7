/** What XLA does around the Pallas kernel, with its bytes under uniform routing. */
import type { Frame } from "../../kernel/frame.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import type { Call, Collective, PallasCall, XlaOperations } from "../../plan/plan.ts";
import { idsOf, tokenRows } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { roundOf } from "./sizes.ts";

/** The call whose rows XLA moves one by one. */
export const ROW_BY_ROW = "rows by expert";
const SCALES = "scales by expert";
const BY_TOKEN = "rows by token";
/** XLA's calls that each round has. */
export const OF_ROUND: ReadonlySet<string> = new Set([ROW_BY_ROW, SCALES, BY_TOKEN]);

/** Of a token row as it goes to other devices: one of 8 bits has its scale beside it. */
function rowBytes({ layer, layout }: Frame): number {
  return tokenRows(layer) === undefined ? layer.hidden * layout.itemBytes : layer.hidden + 4;
}

/** Of its scale once in every lane, as the kernel has it; nought where there is none. */
function laneBytes({ layer }: Frame): number {
  return tokenRows(layer) === undefined ? 0 : 4 * LANES;
}

/** Own token rows as 8 bits; scales in lanes, of all tokens where the shared experts take them. */
function quantised(frame: Frame): readonly XlaOperations[] {
  const { layer, sizes, layout } = frame;
  if (tokenRows(layer) === undefined) return [];
  const rows = sizes.deviceShare * (layer.hidden * layout.itemBytes + rowBytes(frame));
  const shared = layer.sharedExperts === undefined ? 0 : sizes.allTokens * laneBytes(frame);
  const meaning = "own token rows as 8 bits, and their scales";
  const operations = layer.sharedExperts === undefined ? 1 : 2;
  return [{ kind: "xla", name: "rows of 8 bits", operations, bytes: rows + shared, meaning }];
}

function scalesByExpert(frame: Frame, rows: number): readonly XlaOperations[] {
  if (tokenRows(frame.layer) === undefined) return [];
  const bytes = rows * laneBytes(frame);
  const meaning = "scales of own experts' rows";
  return [{ kind: "xla", name: SCALES, operations: 1, bytes, meaning }];
}

/** Bytes that go between devices before and after the experts: all devices' rows, and their sums. */
export interface Between {
  readonly rows: number;
  readonly sums: number;
}

/** Of one call: nothing on one device. */
export function betweenOf(frame: Frame): Between {
  if (devicesOf(frame) === 1) return { rows: 0, sums: 0 };
  const { layer, sizes, layout } = frame;
  const row = rowBytes(frame) + 8 * layer.topK;
  return {
    rows: sizes.allTokens * row,
    sums: sizes.allTokens * layout.paddedHidden * layout.itemBytes,
  };
}

/** Of the devices that share experts one adds what down's biases give. */
function ownBiases({ layer, tp, load }: Frame): readonly XlaOperations[] {
  if (tp === undefined || layer.biases !== true) return [];
  const bytes = 8 * load.localExperts * layer.hidden;
  const meaning = "biases of down, nought on all but one of those that share an expert";
  return [{ kind: "xla", name: "down biases", operations: 1, bytes, meaning }];
}

/** Operations before the experts, in order. */
function before(frame: Frame): readonly (XlaOperations | Collective)[] {
  const { layer, sizes } = frame;
  const round = roundOf(layer, frame, sizes.tokens);
  const entries = sizes.allTokens * layer.topK;
  const row = rowBytes(frame);
  const routed: readonly XlaOperations[] =
    layer.routing.where === "given"
      ? []
      : [
          {
            ...{ kind: "xla", name: "routing", operations: 3 },
            bytes: 4 * sizes.deviceShare * idsOf(layer),
            meaning: "scores, top-k and weights of own tokens",
          },
        ];
  const collected: readonly Collective[] =
    devicesOf(frame) === 1
      ? []
      : [
          {
            ...{ kind: "collective", name: "rows of all devices", operation: "all_gather" },
            bytes: betweenOf(frame).rows,
            meaning: "token rows, ids and weights to every device",
          },
        ];
  return [
    ...routed,
    ...quantised(frame),
    ...collected,
    {
      ...{ kind: "xla", name: "entries by expert", operations: 4 },
      bytes: 16 * entries + 16 * round.rows,
      meaning: "entries sorted by expert; where each expert's rows are",
    },
    {
      ...{ kind: "xla", name: ROW_BY_ROW, operations: 1 },
      bytes: 2 * round.rows * row,
      meaning: "own experts' rows side by side",
    },
    ...scalesByExpert(frame, round.rows),
    ...ownBiases(frame),
  ];
}

/** Rows of a round by token: a sort of all rows and what follows from it. */
function byToken(frame: Frame): XlaOperations {
  const { rows } = roundOf(frame.layer, frame, frame.sizes.tokens);
  const meaning = "rows of a round sorted by token; where each block of tokens begins";
  return { kind: "xla", name: BY_TOKEN, operations: 3, bytes: 32 * rows, meaning };
}

/** Behind the sums: to their tokens' devices, and as rows of the layer. */
function behind(frame: Frame): readonly (XlaOperations | Collective)[] {
  const { layer, sizes, layout } = frame;
  const returned: readonly Collective[] =
    devicesOf(frame) === 1
      ? []
      : [
          {
            ...{ kind: "collective", name: "sums", operation: "reduce_scatter" },
            bytes: betweenOf(frame).sums,
            meaning: `${layer.dtype} sums to their tokens' devices`,
          },
        ];
  return [
    ...returned,
    {
      ...{ kind: "xla", name: "result", operations: 1 },
      bytes: 2 * sizes.deviceShare * layer.hidden * layout.itemBytes,
      meaning: "own sums as rows",
    },
  ];
}

/** All calls in the order in which they run. */
export function callsOf(frame: Frame, kernel: PallasCall, sums: PallasCall): readonly Call[] {
  return [...before(frame), byToken(frame), kernel, sums, ...behind(frame)];
}

/** Bytes of XLA's operations through HBM. */
export function xlaBytes(frame: Frame): number {
  return [...before(frame), byToken(frame), ...behind(frame)].reduce(
    (sum, call) => sum + (call.kind === "xla" ? call.bytes : 0),
    0,
  );
}
