import type { Launcher } from "./launcher.ts";

/** Machines of any cloud that SkyPilot knows. */
export const skypilot = {
  name: "skypilot",
  summary: "SkyPilot, a pool of CPU nodes and one task a TPU slice",
  files: ["cpus.yaml", "slice.yaml", "node.sh", "README.md"],
  shared: ["pack.sh", "job.sh"],
  next: [
    "bash pack.sh SPEC.moe.ts job",
    "sky launch --cluster moegen cpus.yaml --env SPEC=SPEC.moe.ts --secret RAY_AUTH_TOKEN",
  ],
} as const satisfies Launcher;
