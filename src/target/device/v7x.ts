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
    { name: "tpu7x:4x4x8", devices: 256 },
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
  mxu: { size: 256, count: 2, fullRows: 128, accumulates: true },
  timing: {
    stages: "v7x",
    packedCycles: {
      value: 1.4,
      source: "sets D and F: what sgl-jax v1 takes where it is bound by its multiplies",
      fitted: true,
    },
    hbmEfficiency: {
      value: 0.88,
      source: "set F: 805 MB of weights alone take 248 us (weight_load only less all disabled)",
    },
    dmaLatency: {
      value: 0.9e-6,
      source: "set D: a step of 512 columns costs 2 us whatever it moves",
      fitted: true,
    },
    localCopy: {
      value: 10e-9,
      source: "set E: output stage, 8,192 rows in 291 us with 43 bundles each",
      fitted: true,
    },
    emptyCopy: {
      value: 0.23e-6,
      source: "set G: what tpu-inference v1 takes beyond its weights, two copies an entry",
      fitted: true,
    },
    gatherEfficiency: {
      value: 0.35,
      source: "no record of v7x; as on v6e",
    },
    issueCycles: {
      value: 20,
      source: "counted by the compiler: one row DMA, simple loop (v6e, v7x)",
    },
    remoteLatency: {
      value: 1.2e-6,
      source: "set F: 17 barriers of 32 devices take 39 us",
      fitted: true,
    },
    hopLatency: {
      value: 0.2e-6,
      source: "assumed, no record tells it",
    },
    remoteCopy: {
      value: 20e-9,
      source: "set E: isolated gather, rows of 16 KiB are bound by links and not by this",
      fitted: true,
    },
    signal: {
      value: 35e-9,
      source: "set F: 17 barriers of 32 devices take 39 us",
      fitted: true,
    },
    entryCycles: {
      value: 75,
      source: "set K: 2,048 entries scanned for each of 32 experts and no more, 3,282 to 974 us",
      fitted: true,
    },
    operation: {
      value: 1.2e-6,
      source:
        "XLA's own estimated_cycles: 2,100 of them for any operation (peers compiled for v6e and v7x)",
    },
    collective: {
      value: 20e-6,
      source: "set H: PR 3288 and PR 3040 at 64 tokens beside their kernels, less their operations",
      fitted: true,
    },
    ici: {
      devicesPerChip: 2,
      dimensions: 3,
      wrapsFrom: 4,
      linkBandwidth: {
        value: 72e9,
        source:
          "90 GB/s measured between neighbour chips (set M), less a fifth by the isolated gather of set E at ep 8",
        fitted: true,
      },
      chipBandwidth: {
        value: 614e9,
        source: "set M: all-gather between the two devices of a chip",
      },
    },
    // Native rates of the maker's table; where there is none, weights are widened at no cost.
    peak: { float8: 2, int8: 1, float4: 2 },
  },
  feedForwardBundles: {
    bfloat16: 2209,
    int8: { channel: 2783, block128: 7339, block256: 4278, widened: 2433 },
    float8_e4m3fn: { channel: 1571, block128: 4171, block256: 2448 },
  },
  unpacksFloat8: true,
  takesFloat4: true,
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
    feedForwardBundles: "libtpu 0.0.42.1: final bundles of three plain products, compiled here",
    unpacksFloat8: "libtpu 0.0.42.1: instructions of a compiled conversion, read here",
    takesFloat4: "libtpu 0.0.42.1, a product of bfloat16 rows with each type, tried here",
  },
} as const satisfies DeviceFacts;
