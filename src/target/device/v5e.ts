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
    { name: "v5e:16x16", devices: 256 },
  ],
  slice: {
    ...{ chips: 4, accelerator: "tpu-v5-lite-podslice", topology: "2x2" },
    skypilot: "tpu-v5litepod-4",
  },
  vmemBytes: 128 * MiB,
  vmemBudget: 128 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 16 * GiB,
  hbmBandwidth: 819e9,
  bf16Flops: 197e12,
  clock: 1.5e9,
  iciLinkBandwidth: 50e9,
  iciLinks: 4,
  mxu: { size: 128, count: 4, fullRows: 128 },
  timing: {
    stages: "v5e",
    packedCycles: {
      value: 1,
      source: "no record of v5e; as on v6e",
    },
    hbmEfficiency: {
      value: 0.88,
      source: "no record of v5e; as on v6e",
    },
    dmaLatency: {
      value: 0.9e-6,
      source: "no record of v5e; as on v6e",
    },
    localCopy: {
      value: 10e-9,
      source: "no record of v5e; as on v6e",
    },
    emptyCopy: {
      value: 0.23e-6,
      source: "no record of v5e; as on v7x",
    },
    gatherEfficiency: {
      value: 0.35,
      source: "no record of v5e; as on v6e",
    },
    issueCycles: {
      value: 20,
      source: "counted by the compiler: one row DMA, simple loop (v6e, v7x)",
    },
    remoteLatency: {
      value: 1.2e-6,
      source: "no record of v5e; as on v6e",
    },
    hopLatency: {
      value: 0.2e-6,
      source: "no record of v5e; as on v6e",
    },
    remoteCopy: {
      value: 20e-9,
      source: "no record of v5e; as on v6e",
    },
    signal: {
      value: 35e-9,
      source: "no record of v5e; as on v6e",
    },
    entryCycles: {
      value: 75,
      source: "no record of v5e; as on v6e",
    },
    operation: {
      value: 1.4e-6,
      source: "XLA's own estimated_cycles on v6e: 2,100 of them for any operation",
    },
    collective: {
      value: 20e-6,
      source: "no record of v5e; as on v6e",
    },
    ici: {
      devicesPerChip: 1,
      dimensions: 2,
      wrapsFrom: 16,
      linkBandwidth: {
        value: 36e9,
        source: "50 GB/s published; the same part of it as on v7x",
      },
      chipBandwidth: {
        value: 36e9,
        source: "one device a chip: no such way",
      },
    },
    // Native rates of the maker's table; where there is none, weights are widened at no cost.
    peak: { float8: 1, int8: 2, float4: 1 },
  },
  feedForwardBundles: {
    bfloat16: 8193,
    int8: { channel: 5052, block128: 5536, block256: 5316 },
    float8_e4m3fn: { channel: 8960, block128: 9959, block256: 9574 },
  },
  unpacksFloat8: false,
  takesFloat4: false,
  sources: {
    kind: "jax 0.10.2 tpu_info.py: chip_version_from_device_kind",
    topologies: "libtpu 0.0.42.1 get_topology_desc, tried here",
    slice: "skypilot 0.14.1: GKELabelFormatter and get_tpus",
    vmemBytes:
      "jax 0.10.2 tpu_info.py; scratch of 128 MiB compiles when vmem_limit_bytes is raised",
    smemBytes: "jax 0.10.2 tpu_info.py",
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/v5e (16 GB; tpu_info: 17.2e9 = 16 GiB)",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/v5e (tpu_info: 820e9)",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/v5e",
    clock: "jax-ml/scaling-book tpus.md",
    ici: "https://docs.cloud.google.com/tpu/docs/v5e: 400 GB/s both ways a chip over 4 links",
    mxu: "https://docs.cloud.google.com/tpu/docs/v5e",
    feedForwardBundles: "libtpu 0.0.42.1: final bundles of three plain products, compiled here",
    unpacksFloat8: "libtpu 0.0.42.1: instructions of a compiled conversion, read here",
    takesFloat4: "libtpu 0.0.42.1, a product of bfloat16 rows with each type, tried here",
  },
} as const satisfies DeviceFacts;
