/**
 * The normalised description of one fused MoE layer: plain data, no behaviour, every default
 * filled in. What a user may leave out is in `input.ts`.
 */
import type { ScheduleName } from "../schedule/registry.ts";
import type { DeviceName } from "../target/device/registry.ts";

/** TPU generations a kernel can be made for: the keys of `src/target/device/registry.ts`. */
export type { DeviceName };

/**
 * How gate and up weights lie: fused (E, 2, D, F); separate w1 and w3 (E, D, F); or side by side
 * (E, D, 2F), gate columns first. The down weights w2 are (E, F, D) in all.
 */
export type WeightLayout = "fused" | "separate" | "side_by_side";

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

/** Element type of quantised rows, each with one float32 scale: its largest magnitude's. */
export type RowDType = "int8" | "float8_e4m3fn";

/** Quantised expert weights. */
export interface Quantization {
  readonly weights: QuantizedDType;
  readonly granularity: ScaleGranularity;
  readonly scales: "float32" | "bfloat16";
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
   * Partial sums on their way back, those of the token's own device rounded alike, so that a result
   * does not depend on where its token lives. float8 would keep fewer bits in as many bytes.
   * Absent: as `dtype`.
   */
  readonly combine?: "int8";
}

/**
 * What happens between the gate and up projections and the down projection:
 * - silu, gelu (tanh form), gelu_erf: of gate, times up;
 * - clamped_swiglu: gate at most `limit`, up within ±`limit`, then silu(gate) * up;
 * - swigluoai (GPT-OSS): clamped likewise, then gate * sigmoid(alpha * gate) * (up + 1).
 */
export type Activation =
  | "silu"
  | "gelu"
  | "gelu_erf"
  | { readonly kind: "clamped_swiglu"; readonly limit: number }
  | { readonly kind: "swigluoai"; readonly alpha: number; readonly limit: number };

/** How router logits become scores; "none": what comes in are scores already. */
export type Scoring = "softmax" | "sigmoid" | "none";

/** Top-k within the best groups of neighbouring experts (DeepSeek-V3, Ling). */
export interface ExpertGroups {
  /** Groups in all; divides the experts. */
  readonly count: number;
  /** Groups that stay in the choice. */
  readonly kept: number;
  /** Score of a group: its best expert's, or the sum of its two best. */
  readonly score: "max" | "sum_of_top_2";
}

/**
 * A value the user fixes, a set of values to sweep (first one is built), or `auto`:
 * the largest legal value that fits VMEM.
 */
export type Choice = number | ChoiceSet | Auto;
export interface ChoiceSet {
  readonly kind: "choices";
  readonly values: readonly [number, ...number[]];
}
export interface Auto {
  readonly kind: "auto";
}

/** Experts that every token goes through, beside the routed ones; their results are added. */
export interface SharedExperts {
  readonly count: number;
  /** Intermediate size of one. */
  readonly intermediate: number;
  /** "sigmoid": times sigmoid(token · g), g (D,) an input (Qwen2-MoE); absent: added plainly. */
  readonly gate?: "sigmoid";
  /** Of their weights; "none": they are of `dtype`. Absent: as the routed experts' weights are. */
  readonly quantization?: Omit<Quantization, "activations"> | "none";
}

/** The mixture-of-experts layer, in the terms of its `config.json`. */
export interface LayerSpec {
  /** E: experts in all, redundant ones included. */
  readonly experts: number;
  /** k: experts a token is routed to. */
  readonly topK: number;
  /** D: hidden size. */
  readonly hidden: number;
  /** F: intermediate size of one expert. */
  readonly intermediate: number;
  readonly activation: Activation;
  /** Rows, weights and result; the accumulation is always float32. */
  readonly dtype: DType;
  readonly weights: WeightLayout;
  /**
   * Of the weights, with their scales as further inputs; of the shared experts' too, unless they
   * have a `quantization` of their own. Absent: weights are of `dtype`.
   */
  readonly quantization?: Quantization;
  /** Rows between devices. Absent: as `dtype`, or as `quantization.activations`. */
  readonly wire?: Wire;
  /**
   * Biases of all three projections: b1 of gate and up, laid as their weights are (fused
   * (E, 2, F)), and b2 (E, D). Absent: none.
   */
  readonly biases?: true;
  readonly routing: RoutingSpec;
  /** Computed in the kernel; absent: none, or added by the caller. */
  readonly sharedExperts?: SharedExperts;
  /**
   * How many of `experts` are copies of others, for load balance (EPLB): given ids then name
   * physical experts. Absent: none.
   */
  readonly redundantExperts?: number;
}

/** Routing in the kernel (from router logits), or given as top-k weights and ids. */
export type RoutingSpec =
  | {
      readonly where: "kernel";
      readonly scoring: Scoring;
      /** Divide the k weights by their sum. */
      readonly renormalize: boolean;
      /** Multiplies the weights last; 1 changes nothing. */
      readonly scalingFactor: number;
      /** cap * tanh(logits / cap) before scoring (Grok); absent: none. */
      readonly logitSoftCap?: number;
      /** Choose by logits, then score the chosen ones alone (GPT-OSS); absent: score all first. */
      readonly scoreChosen?: true;
      /** Absent: top-k among all experts. */
      readonly groups?: ExpertGroups;
      /** An input (E,) is added to the scores for the choice; it does not weigh. */
      readonly correctionBias?: true;
    }
  | { readonly where: "given" };

export interface MeshSpec {
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Mesh axes that expert parallelism spans, outermost first. */
  readonly axes: readonly [string, ...string[]];
  /**
   * Those of `axes` that tokens come and leave sharded over, outermost first; on the others they
   * are replicated. Absent: all of `axes`.
   */
  readonly tokenAxes?: readonly string[];
}

/** Predicted microseconds of one call of `upTo` tokens on one device kind. */
export interface PredictedTimes {
  /** Of this kernel. */
  readonly fused: number;
  /** Of sgl-jax's EPMoE: what a tree falls back to. */
  readonly epmoe: number;
}

/** Tiles for calls of up to `upTo` tokens (all devices together). */
export interface BucketSpec {
  /** Largest token count T of this bucket. */
  readonly upTo: number;
  /** Rows of one expert multiplied at once. */
  readonly bt: Choice;
  /** Columns of the intermediate axis F in one weight tile. */
  readonly bf: Choice;
  /** Columns of the hidden axis D in one weight tile. */
  readonly bd: Choice;
  /** Row counts the feed-forward has a body for; ascending, the last is bt. Absent: chosen by rule. */
  readonly btc?: readonly [number, ...number[]];
  /** Weight tiles in VMEM at once (double buffering: 2). */
  readonly slots?: 2 | 3 | 4;
  /**
   * By device, as `moegen predict --write` puts them: the tile table carries them, and the back end
   * `auto` of a tree reads them there. Absent: not predicted.
   */
  readonly predicted?: Readonly<Partial<Record<DeviceName, PredictedTimes>>>;
}

export interface ScheduleSpec {
  /** Key of `src/schedule/registry.ts`. */
  readonly kind: ScheduleName;
  /** Token-count buckets by name, ascending in `upTo`. */
  readonly tiles: Readonly<Record<string, BucketSpec>>;
}

export interface EmitSpec {
  /** Write `reference.py` beside the kernel. */
  readonly reference: boolean;
}

export interface MoeSpec {
  /** Python package name, a valid identifier. */
  readonly name: string;
  /** Where the figures come from (URL or model card), printed in the generated header. */
  readonly source?: string;
  readonly layer: LayerSpec;
  readonly mesh: MeshSpec;
  readonly devices: readonly [DeviceName, ...DeviceName[]];
  readonly schedule: ScheduleSpec;
  readonly emit: EmitSpec;
}
