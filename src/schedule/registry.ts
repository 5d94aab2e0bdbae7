/** Every dispatch/combine scheme: a folder beside this file and a line here. */
import { gather } from "./gather/index.ts";
import { gmm } from "./gmm/index.ts";
import { runs } from "./runs/index.ts";
import type { Schedule } from "./schedule.ts";

const registry = { gather, gmm, runs } as const;

export type ScheduleName = keyof typeof registry;

/** Tiles that a bucket of this kind names, and those that it may name. */
export type AxesOf<K extends ScheduleName> = (typeof registry)[K]["axes"][number]["name"];
export type OptionsOf<K extends ScheduleName> = (typeof registry)[K]["options"][number];

/** What `init` writes where nothing says which. */
export const usualSchedule = gather;

export const schedules: Readonly<Record<ScheduleName, Schedule>> = registry;

/**
 * The schedule of a kind.
 * @throws RangeError naming the kinds there are, where `kind` is none of them.
 */
export function scheduleOf(kind: string): Schedule {
  const found = Object.values(schedules).find((schedule) => schedule.kind === kind);
  if (found === undefined) {
    throw new RangeError(`no schedule ${kind}; known: ${Object.keys(schedules).join(", ")}`);
  }
  return found;
}
