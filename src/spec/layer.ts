/** The mixture-of-experts layer: plain data, every default filled in. */
import type { DType, Quantization, Wire } from "./quantization.ts";

/**
 * How gate and up weights lie: fused (E, 2, D, F); separate w1 and w3 (E, D, F); or side by side
 * (E, D, 2F), gate columns first. "up", (E, D, F): experts without a gate. The down weights w2 are
 * (E, F, D) in all.
 */
export type WeightLayout = "fused" | "separate" | "side_by_side" | "up";

/**
 * What happens between the gate and up projections and the down projection:
 * - silu, gelu (tanh form), gelu_erf: of gate, times up;
 * - clamped_swiglu: gate at most `limit`, up within ±`limit`, then silu(gate) * up;
 * - silu_clamped (Step-3.7): silu(gate), at most `limit`, times up within ±`limit`;
 * - swigluoai (GPT-OSS): clamped as clamped_swiglu, then gate * sigmoid(alpha * gate) * (up + 1);
 * - situ (Kimi-K3): beta * tanh(gate / beta) * sigmoid(gate), times linearBeta * tanh(up / linearBeta),
 *   or times up where there is no linearBeta;
 * - relu2 (Nemotron-3): the square of up where that is positive. There is no gate.
 */
export type Activation =
  | "silu"
  | "gelu"
  | "gelu_erf"
  | "relu2"
  | { readonly kind: "clamped_swiglu"; readonly limit: number }
  | { readonly kind: "silu_clamped"; readonly limit: number }
  | { readonly kind: "swigluoai"; readonly alpha: number; readonly limit: number }
  | { readonly kind: "situ"; readonly beta: number; readonly linearBeta?: number };

/**
 * How router logits become scores; "sqrt_softplus" (DeepSeek-V4): the square root of
 * log(1 + exp(logit)); "none": what comes in are scores already.
 */
export type Scoring = "softmax" | "sigmoid" | "sqrt_softplus" | "none";

/** Top-k within the best groups of neighbouring experts (DeepSeek-V3, Ling). */
export interface ExpertGroups {
  /** Groups in all; divides the experts. */
  readonly count: number;
  /** Groups that stay in the choice. */
  readonly kept: number;
  /** Score of a group: its best expert's, or the sum of its two best. */
  readonly score: "max" | "sum_of_top_2";
}

/** Experts that every token goes through, beside the routed ones; their results are added. */
export interface SharedExperts {
  readonly count: number;
  /** Intermediate size of one. */
  readonly intermediate: number;
  /** "sigmoid": times sigmoid(token · g), g (D,) an input (Qwen2-MoE); absent: added plainly. */
  readonly gate?: "sigmoid";
  /** Between their projections (Step-3.7 limits it apart). Absent: the routed experts'. */
  readonly activation?: Activation;
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
  /**
   * "input" (Llama-4): a token's weight multiplies the row that its expert takes, and what comes out
   * is added as it is. Absent: it multiplies the expert's result.
   */
  readonly scoreOn?: "input";
  /** Computed in the kernel; absent: none, or added by the caller. */
  readonly sharedExperts?: SharedExperts;
  /**
   * How many of `experts` are copies of others, for load balance (EPLB): given ids then name
   * physical experts. Absent: none.
   */
  readonly redundantExperts?: number;
  /**
   * Experts that weights lie for, a multiple of `ep`: after `experts`, ones of zero weights that no token
   * goes to (`mesh.padExperts`). Absent: `experts`.
   */
  readonly heldExperts?: number;
  /**
   * Identity experts (LongCat-Flash's zero-computation ones): so many further ids that a router
   * chooses among, behind `experts`. What one gives is the token itself, times its weight. They have
   * no weights and no row goes to them: a token's own device adds what they give. Absent: none.
   */
  readonly identityExperts?: number;
  /**
   * A token's result is the same to the last bit whatever the batch around it, its place in it and
   * the device that it is on: sums of all devices are rounded alike and added in the order of the
   * devices, and one body of one set of tiles computes every call. Absent: right within its bound.
   */
  readonly deterministic?: true;
}

/**
 * What keeps a token's weights from being divided by nought: a number that is added to their sum
 * (DeepSeek-V3: 1e-20), or the least that the sum counts as (ERNIE-4.5: 1e-12).
 */
export type RenormEpsilon = number | { readonly atLeast: number };

/** Routing in the kernel (from router logits), or given as top-k weights and ids. */
export type RoutingSpec =
  | {
      readonly where: "kernel";
      readonly scoring: Scoring;
      /** Divide the k weights by their sum. */
      readonly renormalize: boolean;
      /**
       * Added to that sum, or the least that it is taken for, as the published model does: scores
       * that are all nought then weigh nothing. Absent: neither, and such weights are 0 / 0, NaN.
       */
      readonly renormEpsilon?: RenormEpsilon;
      /** Multiplies the weights last; 1 changes nothing. */
      readonly scalingFactor: number;
      /** cap * tanh(logits / cap) before scoring (Grok); absent: none. */
      readonly logitSoftCap?: number;
      /** Choose by logits, then score the chosen ones alone (GPT-OSS); absent: score all first. */
      readonly scoreChosen?: true;
      /**
       * Choose by logits; the weight of a chosen one is its share in a softmax over those not chosen
       * before it that are near it: no further below it than so much of the larger magnitude of the
       * two (sparsemixer, Phi-3.5-MoE: twice `router_jitter_noise`). Absent: score all first.
       */
      readonly scoreNear?: number;
      /** Absent: top-k among all experts. */
      readonly groups?: ExpertGroups;
      /** An input (E,) is added to the scores for the choice; it does not weigh. */
      readonly correctionBias?: true;
    }
  | { readonly where: "given" };
