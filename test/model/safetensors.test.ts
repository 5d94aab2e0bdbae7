/** Headers of safetensors files are data: what contradicts itself is refused, the rest is compared. */
import { describe, expect, test } from "vitest";
import { confirmExperts } from "../../src/model/expert-tensors.ts";
import { headerLength, parseHeader, type TensorHeader } from "../../src/model/safetensors.ts";
import { read } from "./read.ts";

const eight = (length: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
};

describe("the length of a header", () => {
  test("is what the first eight bytes say", () => {
    expect(headerLength(eight(120n), 200)).toBe(120);
  });

  test.each([
    [eight(200n), 200, "the file has 200"],
    [eight(2n ** 63n), 2 ** 40, "100000000 are the most"],
    [eight(100_000_001n), 2 ** 40, "100000000 are the most"],
    [new Uint8Array(5), 5, "no room for a header"],
  ])("%# is refused", (bytes, size, says) => {
    expect(() => headerLength(bytes, size)).toThrow(says);
  });
});

const one = (more: object = {}): string =>
  JSON.stringify({ a: { dtype: "BF16", shape: [2, 3], data_offsets: [0, 12], ...more } });

describe("a header", () => {
  test("names arrays; metadata is none, and four bits are half a byte", () => {
    const text = `{"__metadata__":{"format":"pt"},"b":{"dtype":"F4","shape":[4],"data_offsets":[12,14]},${one().slice(1)}   `;
    expect(parseHeader(text, 14)).toEqual([
      { name: "b", dtype: "F4", shape: [4] },
      { name: "a", dtype: "BF16", shape: [2, 3] },
    ]);
  });

  test.each([
    ["not JSON", "{", 0, "not JSON"],
    ["no object", "[]", 0, "no JSON object"],
    ["twice the same name", `{"a":1,${one().slice(1)}`, 12, 'names "a" twice'],
    ["the same in other letters", `{"\\u0061":1,${one().slice(1)}`, 12, 'names "a" twice'],
    [
      "a description's field twice",
      one().replace("{", "{").replace('"shape"', '"dtype":"BF16","shape"'),
      12,
      'names "dtype" twice',
    ],
    ["more data than it names", one(), 13, "names 12 bytes of data and has 13"],
    ["less", one(), 11, "names 12 bytes of data and has 11"],
    ["a gap", one({ data_offsets: [1, 13] }), 13, "leaves bytes before it unnamed"],
    ["other bytes than its shape", one({ data_offsets: [0, 10] }), 10, "BF16 [2, 3] takes 12"],
    ["a size that is no number", one({ shape: [2, "3"] }), 12, "with the shape"],
    ["a size below nought", one({ shape: [-2, -3] }), 12, "with the shape"],
    ["a size beyond all", one({ shape: [2 ** 52, 2 ** 52] }), 12, "takes"],
    ["many dimensions", one({ shape: Array.from({ length: 900 }, () => 1) }), 2, "with the shape"],
    ["one offset", one({ data_offsets: [12] }), 12, "with data_offsets"],
    ["an unknown type", one({ dtype: "constructor" }), 12, 'the type "constructor"'],
  ])("with %s is refused", (_what, text, bytes, says) => {
    expect(() => parseHeader(text, bytes)).toThrow(says);
  });

  test("arrays that overlap are refused", () => {
    const text = `{"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]},${one().slice(1)}`;
    expect(() => parseHeader(text, 12)).toThrow("begins within the one before");
  });
});

const QWEN = {
  architectures: ["Qwen3MoeForCausalLM"],
  num_experts: 2,
  num_experts_per_tok: 1,
  hidden_size: 64,
  moe_intermediate_size: 32,
  num_hidden_layers: 1,
};

const arrays = (dtype: string, change: (name: string) => readonly number[] | undefined) =>
  [0, 1].flatMap((expert) =>
    Object.entries({ gate_proj: [32, 64], up_proj: [32, 64], down_proj: [64, 32] }).flatMap(
      ([projection, shape]): TensorHeader[] => {
        const name = `model.layers.0.mlp.experts.${expert}.${projection}.weight`;
        const found = change(name) ?? shape;
        return found.length === 0 ? [] : [{ name, dtype, shape: found }];
      },
    ),
  );

describe("experts' arrays", () => {
  const usual = arrays("BF16", () => undefined);

  test("are as the config says", () => {
    expect(confirmExperts(usual, read(QWEN), 1)).toEqual({
      agreed: ["2 experts in 1 layers, gate BF16 [32, 64], up BF16 [32, 64], down BF16 [64, 32]"],
      wrong: [],
    });
    const stacked = [
      { name: "model.layers.0.mlp.experts.gate_up_proj", dtype: "BF16", shape: [2, 64, 64] },
      { name: "model.layers.0.mlp.experts.down_proj", dtype: "BF16", shape: [2, 32, 64] },
    ];
    expect(confirmExperts(stacked, read(QWEN), 1).wrong).toEqual([]);
    const others = [
      { name: "model.layers.0.mlp.shared_expert.up_proj.weight", dtype: "F32", shape: [1, 1] },
      { name: "mtp.layers.0.mlp.experts.5.up_proj.weight", dtype: "F32", shape: [1, 1] },
    ];
    expect(confirmExperts([...usual, ...others], read(QWEN), 1).wrong).toEqual([]);
  });

  test("packed weights of four bits count by their words", () => {
    const packed = arrays("U8", (name) => (name.includes("down") ? [64, 16] : [32, 32]));
    const quantization = { weights: "float4_e2m1fn", granularity: "per_channel" } as const;
    expect(confirmExperts(packed, read(QWEN, { quantization }), 1).wrong).toEqual([]);
    expect(confirmExperts(packed, read(QWEN), 1).wrong[0]).toContain("says bfloat16 weights");
  });

  test.each<readonly [string, readonly TensorHeader[], number, string]>([
    [
      "a wrong size",
      arrays("BF16", (n) => (n.includes("1.up") ? [32, 65] : undefined)),
      1,
      "experts.1.up_proj.weight is BF16 [32, 65], the config says [32, 64]",
    ],
    [
      "a missing projection",
      arrays("BF16", (n) => (n.includes("1.up") ? [] : undefined)),
      1,
      "layer 0 has up of 1 experts, the config says 2",
    ],
    ["another type", arrays("F16", () => undefined), 1, "is F16, the config says bfloat16"],
    [
      "float8 that the config does not name",
      arrays("F8_E4M3", () => undefined),
      1,
      "is F8_E4M3, the config says bfloat16 weights",
    ],
    ["fewer layers", usual, 2, "1 layers have experts' weights, the config says 2"],
    ["names of none", [{ name: "h.0.w", dtype: "BF16", shape: [1] }], 1, "its first: h.0.w"],
    [
      "one expert more",
      [...usual, ...usual.map((t) => ({ ...t, name: t.name.replace(".1.", ".2.") }))],
      1,
      "layer 0 has an expert 2, the config 2: 0 to 1",
    ],
  ])("%s is told", (_what, tensors, layers, says) => {
    expect(confirmExperts(tensors, read(QWEN), layers).wrong.join("; ")).toContain(says);
  });
});
