import { type DeviceFacts, GiB, MiB, VMEM_RESERVE } from "./facts.ts";

/** TPU v5e: one TensorCore a chip, four 128 x 128 matrix units. */
export const v5e = {
  name: "v5e",
  kind: "TPU v5 lite",
  topologies: [
    { name: "v5e:2x2", devices: 4 },
    { name: "v5e:2x4", devices: 8 },
    { name: "v5e:4x4", devices: 16 },
    { name: "v5e:4x8", devices: 32 },
    { name: "v5e:8x8", devices: 64 },
    { name: "v5e:8x16", devices: 128 },
  ],
  vmemBytes: 128 * MiB,
  vmemBudget: 128 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 16 * GiB,
  hbmBandwidth: 819e9,
  bf16Flops: 197e12,
  clock: 1.5e9,
  iciLinkBandwidth: 50e9,
  iciLinks: 4,
  mxu: { size: 128, count: 4 },
  sources: {
    kind: "jax 0.10.2 tpu_info.py: chip_version_from_device_kind",
    topologies: "libtpu 0.0.42.1 get_topology_desc, tried here",
    vmemBytes:
      "jax 0.10.2 tpu_info.py; scratch of 128 MiB compiles when vmem_limit_bytes is raised",
    smemBytes: "jax 0.10.2 tpu_info.py",
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/v5e (16 GB; tpu_info: 17.2e9 = 16 GiB)",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/v5e (tpu_info: 820e9)",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/v5e",
    clock: "jax-ml/scaling-book tpus.md",
    ici: "https://docs.cloud.google.com/tpu/docs/v5e: 400 GB/s both ways a chip over 4 links",
    mxu: "https://docs.cloud.google.com/tpu/docs/v5e",
  },
} as const satisfies DeviceFacts;
