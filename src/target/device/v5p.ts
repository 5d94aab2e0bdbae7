import { type DeviceFacts, GiB, MiB, VMEM_RESERVE } from "./facts.ts";

/**
 * TPU v5p: two TensorCores that JAX shows as one "megacore" device (tpu_info: supports_megacore,
 * `v5p:2x2x1` is 4 devices for 4 chips). HBM, FLOP/s, matrix units and links are the chip's. VMEM
 * is one core's: a kernel without a parallel grid axis runs on one core, so it can reach half of
 * `bf16Flops` at most.
 */
export const v5p = {
  name: "v5p",
  kind: "TPU v5",
  topologies: [
    { name: "v5p:2x2x1", devices: 4 },
    { name: "v5p:2x2x2", devices: 8 },
    { name: "v5p:2x2x4", devices: 16 },
    { name: "v5p:2x4x4", devices: 32 },
    { name: "v5p:4x4x4", devices: 64 },
    { name: "v5p:4x4x8", devices: 128 },
    { name: "v5p:4x8x8", devices: 256 },
  ],
  slice: {
    ...{ chips: 4, accelerator: "tpu-v5p-slice", topology: "2x2x1" },
    skypilot: "tpu-v5p-8",
  },
  vmemBytes: 64 * MiB,
  vmemBudget: 64 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 95 * GiB,
  hbmBandwidth: 2765e9,
  bf16Flops: 459e12,
  clock: 1.75e9,
  iciLinkBandwidth: 100e9,
  iciLinks: 6,
  mxu: { size: 128, count: 8, fullRows: 128 },
  timing: {
    stages: "v5e",
    packedCycles: {
      value: 1,
      source: "no record of v5p; as on v6e",
    },
    hbmEfficiency: {
      value: 0.88,
      source: "no record of v5p; as on v6e",
    },
    dmaLatency: {
      value: 0.9e-6,
      source: "no record of v5p; as on v6e",
    },
    localCopy: {
      value: 10e-9,
      source: "no record of v5p; as on v6e",
    },
    emptyCopy: {
      value: 0.23e-6,
      source: "no record of v5p; as on v7x",
    },
    gatherEfficiency: {
      value: 0.35,
      source: "no record of v5p; as on v6e",
    },
    issueCycles: {
      value: 20,
      source: "counted by the compiler: one row DMA, simple loop (v6e, v7x)",
    },
    remoteLatency: {
      value: 1.2e-6,
      source: "no record of v5p; as on v6e",
    },
    hopLatency: {
      value: 0.2e-6,
      source: "no record of v5p; as on v6e",
    },
    remoteCopy: {
      value: 20e-9,
      source: "no record of v5p; as on v6e",
    },
    signal: {
      value: 35e-9,
      source: "no record of v5p; as on v6e",
    },
    entryCycles: {
      value: 75,
      source: "no record of v5p; as on v6e",
    },
    operation: {
      value: 1.2e-6,
      source: "XLA's own estimated_cycles on v6e: 2,100 of them for any operation",
    },
    collective: {
      value: 20e-6,
      source: "no record of v5p; as on v6e",
    },
    ici: {
      devicesPerChip: 1,
      dimensions: 3,
      wrapsFrom: 4,
      linkBandwidth: {
        value: 72e9,
        source: "100 GB/s published; the same part of it as on v7x",
      },
      chipBandwidth: {
        value: 72e9,
        source: "one device a chip: no such way",
      },
    },
    // Native rates of the maker's table; where there is none, weights are widened at no cost.
    peak: { float8: 1, int8: 2, float4: 1 },
  },
  feedForwardBundles: {
    bfloat16: 8280,
    int8: { channel: 5051, block128: 5535, block256: 5319 },
    float8_e4m3fn: { channel: 8971, block128: 9970, block256: 9585 },
  },
  unpacksFloat8: false,
  takesFloat4: false,
  sources: {
    kind: "jax 0.10.2 tpu_info.py: chip_version_from_device_kind",
    topologies: "libtpu 0.0.42.1 get_topology_desc, tried here",
    slice: "skypilot 0.14.1: GKELabelFormatter and get_tpus",
    vmemBytes: "jax 0.10.2 tpu_info.py, per TensorCore; scratch of 67,108,864 bytes compiles here",
    smemBytes: "jax 0.10.2 tpu_info.py, per TensorCore",
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/v5p (95 GB; tpu_info: 103e9 a chip)",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/v5p (tpu_info: 2460e9)",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/v5p, both TensorCores",
    clock: "derived: 459e12 / (2 * 8 * 128 * 128)",
    ici: "https://docs.cloud.google.com/tpu/docs/v5p: 1200 GB/s both ways a chip over 6 links",
    mxu: "jax 0.10.2 tpu_info.py: 4 a TensorCore, two TensorCores",
    feedForwardBundles: "libtpu 0.0.42.1: final bundles of three plain products, compiled here",
    unpacksFloat8: "libtpu 0.0.42.1: instructions of a compiled conversion, read here",
    takesFloat4: "libtpu 0.0.42.1, a product of bfloat16 rows with each type, tried here",
  },
} as const satisfies DeviceFacts;
