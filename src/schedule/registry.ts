/** Every dispatch/combine scheme: a folder beside this file and a line here. */
import { gather } from "./gather/index.ts";
import type { Schedule } from "./schedule.ts";

export const schedules: Readonly<Record<Schedule["kind"], Schedule>> = { gather };
