/**
 * The normalised description of one fused MoE layer: plain data, no behaviour, every default
 * filled in. What a user may leave out is in `input.ts`.
 */
import type { DeviceName } from "../target/device/registry.ts";

/** TPU generations a kernel can be made for: the keys of `src/target/device/registry.ts`. */
export type { DeviceName };

export type DType = "bfloat16" | "float32";

/** Activation between the gate projection and the product with the up projection. */
export type Activation = "silu" | "gelu";

/** How router logits become scores. */
export type Scoring = "softmax" | "sigmoid";

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

/** The mixture-of-experts layer, in the terms of its `config.json`. */
export interface LayerSpec {
  /** E: experts in all. */
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
  readonly routing: RoutingSpec;
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
    }
  | { readonly where: "given" };

export interface MeshSpec {
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Mesh axes that expert parallelism spans, outermost first. */
  readonly axes: readonly [string, ...string[]];
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
}

export interface GatherScheduleSpec {
  /** All-gather token rows, reduce-scatter partial sums. */
  readonly kind: "gather";
  /** Token-count buckets by name, ascending in `upTo`. */
  readonly tiles: Readonly<Record<string, BucketSpec>>;
}
/** One member for each file in `src/schedule`. */
export type ScheduleSpec = GatherScheduleSpec;

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
