import type { Launcher } from "./launcher.ts";

/** Pods of a GKE cluster, queued by Kueue. */
export const kuberay = {
  name: "kuberay",
  summary: "KubeRay on GKE with Kueue",
  files: ["queue.yaml", "cluster.yaml", "README.md"],
  shared: ["Dockerfile", "pack.sh", "job.sh", "submit.sh"],
  next: ["kubectl apply -f queue.yaml -f cluster.yaml", "bash submit.sh SPEC.moe.ts"],
} as const satisfies Launcher;
