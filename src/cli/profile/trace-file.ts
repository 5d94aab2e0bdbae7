import type { ProfiledTarget } from "../../profile/run.ts";
import { timelineOf } from "../../profile/timeline.ts";
import { chromeTrace } from "../../profile/trace.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { writeAtomically } from "../files.ts";

/** Writes every profiled kernel's timeline into one trace; returns the path. */
export function writeTrace(path: string, targets: readonly ProfiledTarget[]): string {
  const processes = targets.flatMap(({ target, kernel, profile }) =>
    profile === null
      ? []
      : [
          {
            name: `${target.device} T=${target.tokens}`,
            spans: timelineOf(kernel, profile, deviceOf(target.device)),
          },
        ],
  );
  writeAtomically(path, `${JSON.stringify(chromeTrace(processes))}\n`);
  return path;
}
