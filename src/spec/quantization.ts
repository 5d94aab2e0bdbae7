/** Element types, and how weights and rows are quantised. */

/** Rows, weights and result where nothing is quantised. */
export type DType = "bfloat16" | "float32";

/** Element type of quantised weights; of the 4-bit ones two lie in a byte of HBM. */
export type QuantizedDType = "float8_e4m3fn" | "float8_e5m2" | "int8" | "float4_e2m1fn" | "int4";

/**
 * Which weights share a scale: all of an output channel; those of an output channel within `block`
 * neighbours along the contraction, a multiple of 32 (32: MXFP4); or a block of 128 × 128
 * (DeepSeek-V3).
 */
export type ScaleGranularity =
  | "per_channel"
  | { readonly kind: "sub_channel"; readonly block: number }
  | "blocks_128x128";

/**
 * Element type of scales. float8_e8m0fnu: powers of two, of OCP microscaling (MXFP4, MXFP8), for blocks
 * of 32 along the contraction; they lie as exponents, four in a word of 32 bits.
 */
export type ScaleDType = "float32" | "bfloat16" | "float8_e8m0fnu";

/** Element type of quantised rows, each with one float32 scale: its largest magnitude's. */
export type RowDType = "int8" | "float8_e4m3fn";

/** Quantised expert weights. */
export interface Quantization {
  readonly weights: QuantizedDType;
  readonly granularity: ScaleGranularity;
  readonly scales: ScaleDType;
  /**
   * Another format that the checkpoint has, of which the package makes these weights: NVFP4, with a
   * scale for 16 weights and one for all. Absent: none.
   */
  readonly checkpoint?: "nvfp4";
  /**
   * Rows are quantised too, one by one, in the kernel: a token's once, before it is sent to the
   * experts, and its activated row again before down. The shared experts multiply the same token
   * rows; their activated rows stay `dtype`. Absent: all rows are `dtype`.
   */
  readonly activations?: RowDType;
}

/** Rows of 8 bits between devices, each with one float32 scale; their error is reported apart. */
export interface Wire {
  /**
   * Token rows on their way to the experts: rounded once, on their own device, and exact from there
   * on. Quantised activations are sent as what they are. Absent: as `dtype`.
   */
  readonly dispatch?: RowDType;
  /**
   * Partial sums on their way back, rounded where they leave a device; those of the token's own device
   * are not, but in a deterministic kernel. float8 would keep fewer bits in as many bytes.
   * Absent: as `dtype`.
   */
  readonly combine?: "int8";
}
