/** A layer whose kernels are simulated in seconds. */
export const layer = {
  experts: 16,
  topK: 4,
  hidden: 1024,
  intermediate: 512,
  activation: "silu",
  routing: { where: "kernel", scoring: "softmax", renormalize: true },
} as const;

/** Whose columns four devices can share. */
export const cutLayer = { ...layer, intermediate: 1024 } as const;

/** With limits, as biased layers have it. */
export const swigluoai = { kind: "swigluoai", alpha: 1.702, limit: 7 } as const;
