/**
 * Tiles of a kernel that divides its tokens over passes: token rows of a pass, and rows of an expert
 * at hand. Templates of `kernel/api` and `kernel/shapes` read them, and the worker makes small ones.
 */
import { type Held, isStreamed, passesMayOverlap } from "../../plan/call.ts";
import type { KernelPlan, Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import type { BucketRows } from "../../spec/schedule.ts";
import type { AtOnce } from "../frame.ts";
import { mostAllTokens } from "../routing/words.ts";
import type { Layer } from "../rows/layout.ts";
import { joined } from "./table.ts";

/** Token rows of a device in the shortest pass: half a bfloat16 tile. */
export const SHORT_PASS = 8;

/** Some kernel's passes are the shortest: its loops over own rows take as many at a time. */
export function hasShortPasses(kernels: readonly KernelPlan[]): boolean {
  return kernels.some(({ tiles }) => tiles.own.pass_tokens === SHORT_PASS);
}

/** What the shortest passes do not serve; undefined: nothing. */
export function unservedShort(
  { deterministic }: Layer,
  ep: number,
  rows: BucketRows,
): string | undefined {
  if (rows !== "vmem") return `rows = "${rows}"`;
  if (deterministic === true) return "deterministic";
  // Sums are cleared in groups of 16 rows of all devices.
  return ep % 2 === 0 ? undefined : "an odd number of devices";
}

/** Limits within which a kernel divides any T over passes. */
export interface Limits {
  /** Token rows that a device brings to one pass at most. */
  readonly passTokens: number;
  /** Rows of one expert kept at hand while its weights stream by. */
  readonly rowBlock: number;
  /** Passes that are here at a time. */
  readonly atOnce: AtOnce;
}

/** As the plan and the tile table have them. */
export function ownTiles(
  { passTokens, rowBlock, atOnce }: Limits,
  overlap: boolean,
  sharedTile: number | undefined,
): TileChoice["own"] {
  return {
    pass_tokens: passTokens,
    row_block: rowBlock,
    ...(overlap ? { passes_at_once: atOnce } : {}),
    ...defined({ shared_tile: sharedTile }),
  };
}

/**
 * The limits among a plan's own tiles.
 * @throws RangeError where they are another schedule's.
 */
export function limitsOf({
  pass_tokens: passTokens,
  row_block: rowBlock,
  passes_at_once: most = 1,
}: TileChoice["own"]): Limits {
  if (passTokens === undefined || rowBlock === undefined) {
    throw new RangeError("tiles of a kernel in passes have pass_tokens and row_block");
  }
  return { passTokens, rowBlock, atOnce: most > 1 ? 2 : 1 };
}

/** Token rows that a device brings to one pass at most: an index counts those of all devices. */
export function mostPassTokens(ep: number, held: Held): number {
  return Math.floor(mostAllTokens(held) / ep);
}

/** Fields and rules of both; where weights are not streamed no block of rows is kept at hand. */
export function passTiles(plan: Plan): TileTable {
  const most = mostPassTokens(plan.mesh.ep, plan.kernels[0]?.tiles ?? {});
  const short = hasShortPasses(plan.kernels);
  const pass: TileTable = {
    fields: [
      {
        name: "pass_tokens",
        type: "int",
        meaning: "token rows a device contributes to one pass at most",
      },
    ],
    rules: [
      {
        name: "pass_tokens",
        python:
          (short ? `self.pass_tokens == ${SHORT_PASS} or ` : "") +
          `0 < self.pass_tokens <= ${most}` +
          " and self.pass_tokens % (16 if self.pass_tokens <= 128 else 128) == 0",
        text: `${short ? `${SHORT_PASS}, or ` : ""}a multiple of 16 up to 128, of 128 above, at most ${most}`,
      },
    ],
  };
  const atOnce: TileTable = {
    fields: [
      {
        name: "passes_at_once",
        type: "int",
        meaning: "passes whose rows and sums are here at a time: 2 overlap",
      },
    ],
    rules: [{ name: "passes_at_once", python: "self.passes_at_once in (1, 2)", text: "1 or 2" }],
  };
  const block: TileTable = {
    fields: [
      {
        name: "row_block",
        type: "int",
        meaning: "rows of one expert kept at hand while its weights stream by",
      },
    ],
    rules: [
      {
        name: "row_block",
        python: "self.row_block > 0 and self.row_block % self.bt == 0",
        text: "a positive multiple of bt",
      },
    ],
  };
  const overlap = passesMayOverlap(plan);
  return joined(pass, ...(isStreamed(plan.kernels) ? [block] : []), ...(overlap ? [atOnce] : []));
}
