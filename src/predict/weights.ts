/** Types that expert weights are stored in. */
export type WeightType = "bfloat16" | "float32" | "float8" | "int8" | "float4" | "int4";

const WIDTH: Readonly<Record<WeightType, number>> = {
  float32: 4,
  bfloat16: 2,
  float8: 1,
  int8: 1,
  float4: 0.5,
  int4: 0.5,
};

/** Bytes of one weight, scales apart. */
export function widthOf(type: WeightType): number {
  return WIDTH[type];
}

/** A type as records and configurations write it; undefined if it is none of these. */
export function parseWeightType(text: string): WeightType | undefined {
  const word = text.toLowerCase();
  if (/float32|\bf32/.test(word)) return "float32";
  if (/bf16|bfloat16/.test(word)) return "bfloat16";
  if (/fp8|float8|f8e|e4m3|e5m2/.test(word)) return "float8";
  if (/int8/.test(word)) return "int8";
  if (/fp4|float4|e2m1/.test(word)) return "float4";
  return /int4/.test(word) ? "int4" : undefined;
}
