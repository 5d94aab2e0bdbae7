/** Copies that a device sends to all others at once. */
import type { Stream } from "../../plan/plan.ts";
import type { Job } from "../job.ts";
import type { Here, Step } from "../step.ts";

/** Whether a stream goes from a device to another one. */
function reaches(
  { reach }: Pick<Stream, "reach">,
  onChip: number,
  from: number,
  to: number,
): boolean {
  if (reach === undefined) return from !== to;
  const sameChip = Math.floor(from / onChip) === Math.floor(to / onChip);
  return reach === "own chip"
    ? sameChip && from !== to
    : !sameChip && from % onChip === to % onChip;
}

/** An equal share of a stream to each other device that it goes to, once a pass. */
export function sendAll(
  stream: Stream,
  { device, ep }: Pick<Job, "device" | "ep">,
  passes: number,
): Step {
  const { name, bytes, copies } = stream;
  const onChip = Math.min(device.timing.ici.devicesPerChip, ep);
  const other = (here: Here, to: number): boolean => reaches(stream, onChip, here.device, to);
  // As many from each device as from the first.
  const targets = Array.from({ length: ep }, (_, to) => to).filter((to) =>
    reaches(stream, onChip, 0, to),
  );
  const times = Math.max(1, targets.length * passes);
  return {
    do: "send",
    stream: name,
    bytes: (here, to) => (other(here, to) ? bytes / times : 0),
    copies: (here, to) => (other(here, to) ? copies / times : 0),
  };
}
