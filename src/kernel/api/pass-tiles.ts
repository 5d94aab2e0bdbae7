/**
 * Tiles of a kernel that divides its tokens over passes: token rows of a pass, and rows of an expert
 * at hand. Templates of `kernel/api` and `kernel/shapes` read them, and the worker makes small ones.
 */
import { isStreamed } from "../../plan/call.ts";
import type { Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../../schedule/schedule.ts";
import { defined } from "../../spec/defined.ts";
import { MOST_PASS_TOKENS } from "../routing/words.ts";
import { joined } from "./table.ts";

/** Limits within which a kernel divides any T over passes. */
export interface Limits {
  /** Token rows that a device brings to one pass at most. */
  readonly passTokens: number;
  /** Rows of one expert kept at hand while its weights stream by. */
  readonly rowBlock: number;
}

/** As the plan and the tile table have them. */
export function ownTiles(
  { passTokens, rowBlock }: Limits,
  sharedTile: number | undefined,
): TileChoice["own"] {
  return {
    pass_tokens: passTokens,
    row_block: rowBlock,
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
}: TileChoice["own"]): Limits {
  if (passTokens === undefined || rowBlock === undefined) {
    throw new RangeError("tiles of a kernel in passes have pass_tokens and row_block");
  }
  return { passTokens, rowBlock };
}

/** Fields and rules of both; where weights are not streamed no block of rows is kept at hand. */
export function passTiles(plan: Plan): TileTable {
  const most = Math.floor(MOST_PASS_TOKENS / plan.mesh.ep);
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
          `0 < self.pass_tokens <= ${most}` +
          " and self.pass_tokens % (16 if self.pass_tokens <= 128 else 128) == 0",
        text: `a multiple of 16 up to 128, of 128 above, at most ${most}`,
      },
    ],
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
  return joined(pass, ...(isStreamed(plan.kernels) ? [block] : []));
}
