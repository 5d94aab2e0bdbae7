/** Every dispatch/combine scheme: a folder beside this file and a line here. */
import { gather } from "./gather/index.ts";
import type { Schedule } from "./schedule.ts";

const registry = { gather } as const;

export type ScheduleName = keyof typeof registry;

export const schedules: Readonly<Record<ScheduleName, Schedule>> = registry;
