/** All devices of a call meet before any writes into another's memory. */
import { ONE } from "../declaration.ts";
import { PEERS } from "../loops.ts";
import type { Draft, Part } from "../part.ts";

/** A stage at which no device goes on before all are here. */
export function meeting(
  name: string,
  meaning: string,
  { per, trips }: Pick<Draft, "per" | "trips">,
): Draft {
  return { name, meaning, reads: [], writes: [], per, trips, loops: [PEERS], barrier: true };
}

export const devices: Part = {
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
