/** Where token rows come to out of HBM. */
import { type Dim, TWO } from "../declaration.ts";
import type { KernelInput } from "../frame.ts";

/** Row tiles at a time: one comes while another is used; where the weights stream by, all of a block. */
export function gatheredTiles({ streamed, tiles }: Pick<KernelInput, "streamed" | "tiles">): Dim {
  return streamed ? ["s.row_block // s.tiles.bt", tiles.rowBlock / tiles.bt] : TWO;
}
