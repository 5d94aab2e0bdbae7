/** Which way products with quantised weights are made, by block of scales and device. */
import { expect, test } from "vitest";
import { dequantizationFor, productRows } from "../../src/kernel/feed-forward/dequantize.ts";

const wayOf = (weights: "float4_e2m1fn" | "float8_e4m3fn" | "int8" | "int4", block: number) => ({
  quantization: {
    weights,
    granularity: { kind: "sub_channel", block },
    scales: "float32",
  } as const,
});

test.each([
  ["float4_e2m1fn", 32, "v7x", "weights"],
  ["float4_e2m1fn", 64, "v7x", "by_rows"],
  ["float8_e4m3fn", 128, "v7x", "by_rows"],
  ["float4_e2m1fn", 512, "v7x", "products"],
  ["int4", 512, "v6e", "products"],
  ["int8", 256, "v6e", "by_rows"],
  ["int8", 128, "v5p", "products"],
  ["int8", 32, "v5p", "weights"],
  ["float8_e4m3fn", 128, "v6e", "products"],
] as const)("%s, a scale for %d, on %s: %s", (weights, block, device, way) => {
  expect(dequantizationFor(wayOf(weights, block), [device])).toBe(way);
});

test("a body of 16 rows is among the few that a block of 64 makes products for", () => {
  expect(productRows(64)).toBeGreaterThanOrEqual(16);
  expect(productRows(32)).toBeLessThan(16);
});
