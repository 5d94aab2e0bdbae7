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
    { name: "v6e:16x16", devices: 256 },
  ],
  slice: {
    ...{ chips: 4, accelerator: "tpu-v6e-slice", topology: "2x2" },
    skypilot: "tpu-v6e-4",
  },
  vmemBytes: 128 * MiB,
  vmemBudget: 128 * MiB - VMEM_RESERVE,
  smemBytes: 1 * MiB,
  hbmBytes: 32 * GiB,
  hbmBandwidth: 1638e9,
  bf16Flops: 918e12,
  clock: 1.75e9,
  iciLinkBandwidth: 100e9,
  iciLinks: 4,
  mxu: { size: 256, count: 2, fullRows: 128 },
  timing: {
    stages: "v6e",
    packedCycles: {
      value: 1,
      source: "set A: its long calls are met without",
      fitted: true,
    },
    hbmEfficiency: {
      value: 0.88,
      source: "no record of v6e tells it alone; as on v7x",
    },
    dmaLatency: {
      value: 0.9e-6,
      source: "set A: a step of any size costs 1.3 us",
      fitted: true,
    },
    localCopy: {
      value: 10e-9,
      source: "no record of v6e; as on v7x",
    },
    emptyCopy: {
      value: 0.23e-6,
      source: "no record of v6e; as on v7x",
    },
    gatherEfficiency: {
      value: 0.35,
      source: "set A: what epmoe takes for a further token",
      fitted: true,
    },
    issueCycles: {
      value: 20,
      source: "counted by the compiler: one row DMA, simple loop (v6e, v7x)",
    },
    remoteLatency: {
      value: 1.2e-6,
      source: "no record of v6e; as on v7x",
    },
    hopLatency: {
      value: 0.2e-6,
      source: "assumed, no record tells it",
    },
    remoteCopy: {
      value: 20e-9,
      source: "no record of v6e; as on v7x",
    },
    signal: {
      value: 35e-9,
      source: "no record of v6e; as on v7x",
    },
    entryCycles: {
      value: 75,
      source: "no record of v6e; as on v7x",
    },
    operation: {
      value: 1.2e-6,
      source: "XLA's own estimated_cycles: 2,100 of them for any operation",
    },
    collective: {
      value: 20e-6,
      source: "no record of v6e; as on v7x",
    },
    ici: {
      devicesPerChip: 1,
      dimensions: 2,
      wrapsFrom: 16,
      linkBandwidth: {
        value: 72e9,
        source: "100 GB/s published; the same part of it as on v7x",
      },
      chipBandwidth: {
        value: 100e9,
        source: "one device a chip: no such way",
      },
    },
    // Native rates of the maker's table; where there is none, weights are widened at no cost.
    peak: { float8: 1, int8: 2, float4: 1 },
  },
  feedForwardBundles: {
    bfloat16: 3071,
    int8: { channel: 2013, block128: 4785, block256: 2776 },
    float8_e4m3fn: { channel: 3492, block128: 5703, block256: 3740 },
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
    hbmBytes: "https://docs.cloud.google.com/tpu/docs/v6e (32 GB; tpu_info: 34.4e9 = 32 GiB)",
    hbmBandwidth: "https://docs.cloud.google.com/tpu/docs/v6e (tpu_info: 1640e9)",
    bf16Flops: "https://docs.cloud.google.com/tpu/docs/v6e",
    clock:
      "derived: 918e12 / (2 flops * 2 units * 2 rows a cycle * 256 * 256); that a 256-wide unit takes " +
      "two bf16 rows a cycle is assumed, no figure is published",
    ici: "https://docs.cloud.google.com/tpu/docs/v6e: 800 GB/s both ways a chip over 4 links",
    mxu: "jax 0.10.2 tpu_info.py",
    feedForwardBundles: "libtpu 0.0.42.1: final bundles of three plain products, compiled here",
    unpacksFloat8: "libtpu 0.0.42.1: instructions of a compiled conversion, read here",
    takesFloat4: "libtpu 0.0.42.1, a product of bfloat16 rows with each type, tried here",
  },
} as const satisfies DeviceFacts;
