/** All devices of a call meet before any writes into another's memory. */
import { ONE } from "../declaration.ts";
import { PEERS } from "../loops.ts";
import { type Draft, NO_BLOCK, type Part } from "../part.ts";
import { needsPassBarrier } from "../rows/types.ts";

/** A stage at which no device goes on before all are here. */
export function meeting(
  name: string,
  meaning: string,
  { per, trips }: Pick<Draft, "per" | "trips">,
): Draft {
  return { name, meaning, reads: [], writes: [], per, trips, loops: [PEERS], barrier: true };
}

export const devices: Part = {
  context: ({ layer }) => ({
    barrierText: needsPassBarrier(layer) ? "is here" : "has entered this call",
  }),
  blocks: ({ mesh: { ep } }) => ({ devices: ep === 1 ? NO_BLOCK : "kernel/devices/devices" }),
  semaphores: ({ ep }) => {
    if (ep === 1) return [];
    const meaning = "every device has entered this call";
    return [{ name: "barrier", kind: "barrier", count: ONE, meaning }];
  },
  stages: ({ ep }) => {
    if (ep === 1) return [];
    return [meeting("barrier", "all devices have entered this call", { per: "call", trips: 1 })];
  },
};
