/** Tiles that only this schedule has: token rows of a pass, and rows of an expert at hand. */
import { joined, sharedTile, weightTiles } from "../../kernel/api/table.ts";
import { MOST_PASS_TOKENS } from "../../kernel/routing/words.ts";
import { isStreamed } from "../../plan/call.ts";
import type { Plan, TileChoice } from "../../plan/plan.ts";
import type { TileTable } from "../schedule.ts";

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
    ...(sharedTile === undefined ? {} : { shared_tile: sharedTile }),
  };
}

/**
 * The schedule's own tiles of a plan's kernel, by their names here.
 * @throws RangeError where they are another schedule's.
 */
export function limitsOf({
  pass_tokens: passTokens,
  row_block: rowBlock,
}: TileChoice["own"]): Limits {
  if (passTokens === undefined || rowBlock === undefined) {
    throw new RangeError("tiles of a gather kernel have pass_tokens and row_block");
  }
  return { passTokens, rowBlock };
}

/** The common tiles, and what only this schedule has. */
export function tileTable(plan: Plan): TileTable {
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
  const streamed = isStreamed(plan.kernels);
  return joined(weightTiles(plan), pass, ...(streamed ? [block] : []), sharedTile(plan));
}
