/** The launchers: one file, one folder of templates and one entry each. */
import { compose } from "./compose.ts";
import { kuberay } from "./kuberay.ts";
import type { Launcher } from "./launcher.ts";
import { skypilot } from "./skypilot.ts";

const registry = { compose, kuberay, skypilot } as const;

export type LauncherName = keyof typeof registry;

export const launchers: Readonly<Record<LauncherName, Launcher>> = registry;

export const launcherNames = Object.keys(registry) as readonly LauncherName[];
