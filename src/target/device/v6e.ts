import { type DeviceFacts, GiB, MiB, VMEM_RESERVE } from "./facts.ts";

/** TPU v6e (Trillium): one TensorCore a chip, two 256 x 256 matrix units. */
export const v6e = {
  name: "v6e",
  kind: "TPU v6 lite",
  topologies: [
    { name: "v6e:2x2", devices: 4 },
    { name: "v6e:2x4", devices: 8 },
    { name: "v6e:4x4", devices: 16 },
    { name: "v6e:4x8", devices: 32 },
    { name: "v6e:8x8", devices: 64 },
    { name: "v6e:8x16", devices: 128 },
  ],
  vmemBytes: 128 * MiB,
  vmemBudget: 128 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 32 * GiB,
  hbmBandwidth: 1638e9,
  bf16Flops: 918e12,
  clock: 1.75e9,
  iciLinkBandwidth: 100e9,
  iciLinks: 4,
  mxu: { size: 256, count: 2 },
  sources: {
    kind: "jax 0.10.2 tpu_info.py: chip_version_from_device_kind",
    topologies: "libtpu 0.0.42.1 get_topology_desc, tried here",
    vmemBytes:
      "jax 0.10.2 tpu_info.py; scratch of 128 MiB compiles when vmem_limit_bytes is raised",
    smemBytes: "jax 0.10.2 tpu_info.py",
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/v6e (32 GB; tpu_info: 34.4e9 = 32 GiB)",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/v6e (tpu_info: 1640e9)",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/v6e",
    clock:
      "derived: 918e12 / (2 flops * 2 units * 2 rows a cycle * 256 * 256); that a 256-wide unit takes " +
      "two bf16 rows a cycle is assumed, no figure is published",
    ici: "https://docs.cloud.google.com/tpu/docs/v6e: 800 GB/s both ways a chip over 4 links",
    mxu: "jax 0.10.2 tpu_info.py",
  },
} as const satisfies DeviceFacts;
