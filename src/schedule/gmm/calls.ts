/** What XLA does around the Pallas kernel, with its bytes under uniform routing. */
import type { Frame } from "../../kernel/frame.ts";
import { sharedLoad } from "../../kernel/shared-experts/load.ts";
import type { Collective, PallasCall, XlaOperations } from "../../plan/plan.ts";
import { idsOf } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { MOST_ALONE, roundOf } from "./sizes.ts";

/** Calls whose rows XLA moves one by one. */
export const ROW_BY_ROW = ["rows by expert", "rows by token"] as const;

/** Bytes that go between devices before and after the experts: all devices' rows, and their sums. */
export interface Between {
  readonly rows: number;
  readonly sums: number;
}

/** Of one call: nothing on one device. */
export function betweenOf(frame: Frame): Between {
  if (devicesOf(frame) === 1) return { rows: 0, sums: 0 };
  const { layer, sizes, layout } = frame;
  const row = layer.hidden * layout.itemBytes + 8 * layer.topK;
  return { rows: sizes.allTokens * row, sums: sizes.allTokens * layer.hidden * layout.itemBytes };
}

/** Rows for the shared experts: one device's in a group, or all as they are. */
function sharedRows(frame: Frame): readonly XlaOperations[] {
  const load = sharedLoad(frame);
  if (load === undefined || load.rows === frame.sizes.allTokens) return [];
  const bytes = 2 * load.rows * frame.layer.hidden * frame.layout.itemBytes;
  const meaning = "rows for this device's columns of the shared experts";
  return [{ kind: "xla", name: "rows for shared experts", operations: 1, bytes, meaning }];
}

/** What these give, added to the sums. */
function sharedSums(frame: Frame): readonly XlaOperations[] {
  const load = sharedLoad(frame);
  if (load === undefined) return [];
  const { layer, layout, sizes } = frame;
  const bytes = layer.hidden * (load.rows * layout.itemBytes + 8 * sizes.allTokens);
  const meaning = "results of the shared experts added to the sums";
  return [{ kind: "xla", name: "shared experts' sums", operations: 1, bytes, meaning }];
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
  const { layer, sizes, layout } = frame;
  const round = roundOf(layer, frame, sizes.tokens);
  const entries = sizes.allTokens * layer.topK;
  const row = layer.hidden * layout.itemBytes;
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
    ...collected,
    {
      ...{ kind: "xla", name: "entries by expert", operations: 4 },
      bytes: 16 * entries + 16 * round.rows,
      meaning: "entries sorted by expert; where each expert's rows are",
    },
    {
      ...{ kind: "xla", name: "rows by expert", operations: 1 },
      bytes: 2 * round.rows * row,
      meaning: "own experts' rows side by side",
    },
    ...sharedRows(frame),
    ...ownBiases(frame),
  ];
}

/** Results to their tokens: each token's gathered, or added where a round has but some of them. */
function summed(frame: Frame): readonly XlaOperations[] {
  const { layer, ep, sizes, layout } = frame;
  const sums = 4 * sizes.allTokens * layer.hidden;
  const gathered = sizes.allTokens * layer.topK * layer.hidden * layout.itemBytes;
  const meaning = "weighted results added up by token";
  const sum = { kind: "xla", name: "weighted sums" } as const;
  if (ep <= MOST_ALONE) {
    return [
      {
        ...{ kind: "xla", name: "rows by token", operations: 2, bytes: 2 * gathered },
        meaning: "each token's results side by side",
      },
      { ...sum, operations: 1, bytes: gathered + sums, meaning },
    ];
  }
  const { rows } = roundOf(layer, frame, sizes.tokens);
  // A result is read; its token's sum is read and written.
  const bytes = rows * layer.hidden * (layout.itemBytes + 8) + sums;
  return [{ ...sum, name: "rows by token", operations: 2, bytes, meaning }];
}

/** Operations behind the experts, in order. */
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
    ...summed(frame),
    ...sharedSums(frame),
    {
      ...{ kind: "xla", name: "rounded sums", operations: 1 },
      bytes: sizes.allTokens * layer.hidden * (4 + layout.itemBytes),
      meaning: `sums as ${layer.dtype}`,
    },
    ...returned,
  ];
}

/** All calls in the order in which they run. */
export function callsOf(frame: Frame, kernel: PallasCall) {
  return [...before(frame), kernel, ...behind(frame)];
}

/** Bytes of XLA's operations through HBM. */
export function xlaBytes(frame: Frame): number {
  return [...before(frame), ...behind(frame)].reduce(
    (sum, call) => sum + (call.kind === "xla" ? call.bytes : 0),
    0,
  );
}
