/** Layers, devices and token counts at which the generated kernels are held to the published ones. */

/** @typedef {import("../../../src/spec/layer.ts").LayerSpec} LayerSpec */
/** @typedef {import("../../../src/target/device/registry.ts").DeviceName} DeviceName */
/**
 * @typedef {object} Cells
 * @property {string} name
 * @property {string} example whose layer it is
 * @property {Partial<LayerSpec>} [fields] in which it differs
 * @property {DeviceName} device
 * @property {number} ep
 * @property {readonly number[]} tokens
 */

const FP8 = /** @type {const} */ ({
  weights: "float8_e4m3fn",
  granularity: "per_channel",
  scales: "float32",
});
const ALL = [64, 128, 256, 512, 1024, 2048, 4096, 8192];
const SOME = [64, 512, 2048, 8192];
const v7x = /** @type {const} */ ({ device: "v7x", ep: 8, tokens: ALL });

/** As tpu-inference serves it: D and F padded, scales of 512 weights in place of 32. */
const gptOss = {
  example: "gpt-oss-120b-fp4",
  fields: /** @type {const} */ ({
    ...{ hidden: 3072, intermediate: 3072 },
    quantization: {
      weights: "float4_e2m1fn",
      granularity: { kind: "sub_channel", block: 512 },
      scales: "float32",
    },
  }),
};

/** @type {readonly Cells[]} */
export const CELLS = [
  { name: "Qwen3-30B-A3B fp8", example: "qwen3-30b-a3b", fields: { quantization: FP8 }, ...v7x },
  { name: "GPT-OSS-20B fp4", ...gptOss, fields: { ...gptOss.fields, experts: 32 }, ...v7x },
  { name: "GPT-OSS-120B fp4", ...gptOss, ...v7x },
  { name: "GPT-OSS-120B MXFP4 as published", example: "gpt-oss-120b-fp4", ...v7x, tokens: SOME },
  {
    name: "Qwen3.5-397B fp8",
    example: "qwen3-30b-a3b",
    fields: { experts: 512, topK: 10, hidden: 4096, intermediate: 1024, quantization: FP8 },
    ...v7x,
  },
  {
    ...{ name: "Qwen3-235B fp8", example: "qwen3-235b-a22b-fp8" },
    ...{ device: "v7x", ep: 8, tokens: [2048, 8192] },
  },
  .../** @type {const} */ (["v6e", "v7x"]).map((device) => ({
    ...{ name: "Grok-2 bf16", example: "grok-2" },
    ...{ device, ep: 8, tokens: [2048, 8192] },
  })),
  ...[32, 64].map((ep) => ({
    ...{ name: "DeepSeek-V3 fp8", example: "deepseek-v3-fp8" },
    ...{ device: /** @type {const} */ ("v7x"), ep, tokens: [64, 512, 4096, 16384] },
  })),
  ...[4, 8, 16].flatMap((ep) => {
    const cell = { device: /** @type {const} */ ("v6e"), ep, tokens: SOME };
    return [
      { name: "Qwen3-30B-A3B bf16", example: "qwen3-30b-a3b", ...cell },
      { name: "Ling-mini-2.0 bf16", example: "ling-mini-2.0", ...cell },
      {
        name: "E 256 k 8 D 4096 F 2048 fp8",
        example: "qwen3-30b-a3b",
        fields: { experts: 256, hidden: 4096, intermediate: 2048, quantization: FP8 },
        ...cell,
      },
    ];
  }),
];
