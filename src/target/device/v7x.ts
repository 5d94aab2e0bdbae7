import { type DeviceFacts, GiB, MiB, VMEM_RESERVE } from "./facts.ts";

/**
 * TPU v7x (Ironwood): two TensorCores a chip, each its own JAX device (tpu_info: no megacore), so
 * every chip figure is halved. The two devices of a chip share its six links: three are counted
 * for each; between the two, 614 GB/s were measured.
 */
export const v7x = {
  name: "v7x",
  kind: "TPU7x",
  topologies: [
    { name: "tpu7x:2x2x1", devices: 8 },
    { name: "tpu7x:2x2x2", devices: 16 },
    { name: "tpu7x:2x2x4", devices: 32 },
    { name: "tpu7x:2x4x4", devices: 64 },
    { name: "tpu7x:4x4x4", devices: 128 },
  ],
  vmemBytes: 64 * MiB,
  vmemBudget: 64 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 96 * GiB,
  hbmBandwidth: 3690e9,
  bf16Flops: 1153.5e12,
  clock: 2.2e9,
  iciLinkBandwidth: 100e9,
  iciLinks: 3,
  mxu: { size: 256, count: 2, accumulates: true },
  sources: {
    kind: "jax 0.10.2 tpu_info.py: chip_version_from_device_kind",
    topologies: "libtpu 0.0.42.1 get_topology_desc, tried here",
    vmemBytes: "jax 0.10.2 tpu_info.py; scratch of 64 MiB compiles when vmem_limit_bytes is raised",
    smemBytes: "jax 0.10.2 tpu_info.py",
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/tpu7x: 192 GB a chip, halved",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/tpu7x: 7380 GB/s a chip, halved",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/tpu7x: 2307 TFLOPS a chip, halved",
    clock:
      "derived: 1153.5e12 / (2 flops * 2 units * 2 rows a cycle * 256 * 256); that a 256-wide unit takes " +
      "two bf16 rows a cycle is assumed, no figure is published",
    ici:
      "https://docs.cloud.google.com/tpu/docs/tpu7x: 1200 GB/s both ways a chip over 6 links; " +
      "measured 90 GB/s to a neighbour chip, 614 GB/s between the cores of a chip (primatrix/sglang-jax " +
      "blogs/docs/Collectives_Microbenchmark_Summary.md)",
    mxu: "jax 0.10.2 tpu_info.py, per TensorCore; accumulates: vpop.f32.mrb in libtpu's schedules",
  },
} as const satisfies DeviceFacts;
