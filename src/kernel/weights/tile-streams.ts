/** The two copies that bring weight tiles from HBM, and those of what goes with the tiles. */
import type { Stream } from "../../plan/plan.ts";

type TileCopy = Pick<Stream, "name" | "source" | "destination" | "bytes" | "copies" | "meaning"> &
  Required<Pick<Stream, "tiles">>;

/**
 * Copies of gate and up tiles, and of down tiles: each on the semaphore of its slot, so that what
 * goes with a tile is here when the tile is.
 */
export function tileStreams(
  stages: Pick<Stream, "issuedBy" | "awaitedBy">,
  gateUp: TileCopy,
  down: TileCopy,
): readonly Stream[] {
  const { issuedBy, awaitedBy } = stages;
  const stream = (copy: TileCopy, semaphore: string): Stream => {
    const { name, source, destination, bytes, copies, tiles, meaning } = copy;
    return {
      name,
      ...{ from: "HBM", to: "VMEM", remote: false, issuedBy, awaitedBy },
      ...{ source, destination, semaphore, bytes, copies, tiles, meaning },
    };
  };
  return [stream(gateUp, "gate_up_arrived"), stream(down, "down_arrived")];
}
