/** Cases of the codes of quantised weights. */
import { LAYER, published, QWEN, specText } from "./marked.ts";

const layer = (from: string, to: string): string => specText({ layer: LAYER.replace(from, to) });

export const quantizationCases = {
  MOE125: {
    spec: layer(
      "hidden: 2048",
      'quantization: { weights: "int8", granularity: { kind: "sub_channel", block: ⟦512⟧ } }, hidden: 2048',
    ),
    says: "scales of 512 do not divide D = 2048, F = 768",
    nearest: [128, 256],
  },
  MOE126: {
    spec: layer(
      "hidden: 2048",
      'quantization: { weights: "int8", granularity: "per_channel" }, dtype: ⟦"float32"⟧, hidden: 2048',
    ),
    says: 'dtype = "float32" with quantised weights',
    nearest: ["bfloat16"],
  },
  MOE127: {
    spec: specText({
      layer: LAYER.replace(
        "hidden: 2048",
        'quantization: { weights: "float4_e2m1fn", granularity: "per_channel" }, hidden: 2048',
      ),
      devices: '["v7x", ⟦"v6e"⟧]',
    }),
    says: "v6e has no products with float4_e2m1fn weights",
    nearest: [],
  },
  MOE128: {
    spec: layer(
      "hidden: 2048",
      'sharedExperts: { count: 1, intermediate: 512, quantization: ⟦{ weights: "int8", granularity: "per_channel" }⟧ }, hidden: 2048',
    ),
    says: "the shared experts have int8 weights, the routed ones bfloat16",
    nearest: ['"none"'],
  },
  MOE143: {
    spec: layer(
      "hidden: 2048",
      'quantization: { weights: ⟦"int8"⟧, granularity: "per_channel", checkpoint: "nvfp4" }, hidden: 2048',
    ),
    says: 'checkpoint = "nvfp4" with int8 weights',
    nearest: ["float8_e4m3fn"],
  },
  MOE165: {
    spec: layer(
      "hidden: 2048",
      'quantization: { weights: "int8", granularity: "per_channel", scales: ⟦"float8_e8m0fnu"⟧ }, hidden: 2048',
    ),
    says: 'scales = "float8_e8m0fnu" for other blocks than 32 of a channel',
    nearest: ["bfloat16", "float32"],
  },
  MOE306: {
    spec: published("config"),
    config: { ...QWEN, quantization_config: { quant_method: "hqq", nbits: 4 } },
    says: 'quantization_config has the method "hqq", which the kernel does not take',
    nearest: ['quantization: "none"', 'quantization: { weights: …, granularity: "per_channel" }'],
  },
};
