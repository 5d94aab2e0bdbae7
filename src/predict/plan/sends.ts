/** Copies that a device sends to all others at once. */
import type { Stream } from "../../plan/plan.ts";
import type { Here, Step } from "../step.ts";

/** An equal share of a stream to each other device, once a pass. */
export function sendAll({ name, bytes, copies }: Stream, ep: number, passes: number): Step {
  const times = Math.max(1, (ep - 1) * passes);
  const other = (here: Here, to: number): boolean => to !== here.device;
  return {
    do: "send",
    stream: name,
    bytes: (here, to) => (other(here, to) ? bytes / times : 0),
    copies: (here, to) => (other(here, to) ? copies / times : 0),
  };
}
