import type { Launcher } from "./launcher.ts";

/** Containers of one machine that has docker. */
export const compose = {
  name: "compose",
  summary: "docker compose, two CPU nodes",
  files: ["compose.yaml", "README.md"],
  shared: ["Dockerfile", "pack.sh", "job.sh", "submit.sh"],
  next: ["docker compose up --build --detach", "bash submit.sh SPEC.moe.ts"],
} as const satisfies Launcher;
