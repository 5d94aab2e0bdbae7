/**
 * What a user writes: the spec with everything that has a default left optional. Each default is
 * named where it is left out, and each is judged by the same rules as a written value.
 */

import type { AxesOf, OptionsOf, ScheduleName } from "../schedule/registry.ts";
import type {
  Activation,
  ExpertGroups,
  LayerSpec,
  RenormEpsilon,
  Scoring,
  SharedExperts,
  WeightLayout,
} from "../spec/layer.ts";
import type { PlaceWord } from "../spec/member.ts";
import type { DType, Quantization, Wire } from "../spec/quantization.ts";
import type { BucketSpec, PredictedTimes } from "../spec/schedule.ts";
import type { AUTO, EPMOE, SeveralBucket } from "../spec/several.ts";
import type { EmitSpec } from "../spec/spec.ts";
import type { DeviceName } from "../target/device/registry.ts";

/** Routing in the kernel from router logits, or given by the caller as weights and expert ids. */
export type RoutingInput =
  | {
      /** Where weights and ids are made. Default: "kernel", from router logits. */
      readonly where?: "kernel";
      /** How router logits become scores. */
      readonly scoring: Scoring;
      /** Divide the k weights by their sum. */
      readonly renormalize: boolean;
      /**
       * A number is added to that sum (DeepSeek-V3: 1e-20); `{ atLeast }` is the least that it is
       * taken for (ERNIE-4.5: 1e-12). Scores that are all nought then weigh nothing, as in the
       * published model. Default: the sum divides as it is.
       */
      readonly renormEpsilon?: RenormEpsilon;
      /** Multiplies the weights last. Default: 1, which changes nothing. */
      readonly scalingFactor?: number;
      /** cap * tanh(logits / cap) before scoring (Grok). Default: no cap. */
      readonly logitSoftCap?: number;
      /** Choose by logits, then score the chosen ones alone (GPT-OSS). Default: score all first. */
      readonly scoreChosen?: true;
      /**
       * Choose by logits; the weight of a chosen one is its share in a softmax over those not chosen
       * before it that are near it: no further below it than so much of the larger magnitude of the
       * two (sparsemixer, Phi-3.5-MoE: 0.02). Default: score all first.
       */
      readonly scoreNear?: number;
      /** Top-k within the best groups of neighbouring experts. Default: among all experts. */
      readonly groups?: ExpertGroups;
      /** An input (E,) is added to the scores for the choice; it does not weigh. Default: none. */
      readonly correctionBias?: true;
    }
  | { readonly where: "given" };

/** Quantised expert weights. */
export interface QuantizationInput extends Omit<Quantization, "scales"> {
  /** Element type of the scales. Default: "float32". */
  readonly scales?: Quantization["scales"];
}

/** Experts that every token goes through. */
export interface SharedExpertsInput extends Omit<SharedExperts, "quantization"> {
  /** Of their weights; "none": they are of `dtype`. Default: as the routed experts' weights are. */
  readonly quantization?: Omit<QuantizationInput, "activations"> | "none";
}

/** The mixture-of-experts layer, in the terms of its `config.json`. */
export interface LayerInput {
  /** E: experts in all. */
  readonly experts: number;
  /** k: experts a token is routed to. */
  readonly topK: number;
  /** D: hidden size. */
  readonly hidden: number;
  /** F: intermediate size of one expert. */
  readonly intermediate: number;
  readonly activation: Activation;
  /** Rows, weights and result; the accumulation is always float32. Default: "bfloat16". */
  readonly dtype?: DType;
  /** How gate and up weights lie. Default: "fused", (E, 2, D, F); "up", (E, D, F), without a gate. */
  readonly weights?: WeightLayout;
  /**
   * Of the weights, with their scales as further inputs; of the shared experts' too, unless they
   * have a `quantization` of their own. Default: weights are of `dtype`.
   */
  readonly quantization?: QuantizationInput;
  /** Rows of 8 bits between devices. Default: as `dtype`, or as `quantization.activations`. */
  readonly wire?: Wire;
  /**
   * Biases of all three projections: b1 of gate and up, laid as their weights are (fused
   * (E, 2, F)), and b2 (E, D). Default: none.
   */
  readonly biases?: true;
  readonly routing: RoutingInput;
  /**
   * "input" (Llama-4): a token's weight multiplies the row that its expert takes, and what comes out
   * is added as it is. Default: it multiplies the expert's result.
   */
  readonly scoreOn?: "input";
  /** Experts that every token goes through, computed in the kernel. Default: none. */
  readonly sharedExperts?: SharedExpertsInput;
  /**
   * How many of `experts` are copies of others, for load balance (EPLB): given ids then name
   * physical experts. Default: none.
   */
  readonly redundantExperts?: number;
  /**
   * Identity experts (LongCat-Flash's zero-computation ones): so many further ids that a router
   * chooses among, behind `experts`. What one gives is the token itself, times its weight. They have
   * no weights and no row goes to them: a token's own device adds what they give. Default: none.
   */
  readonly identityExperts?: number;
  /**
   * A token's result is the same to the last bit whatever the batch around it, its place in it and
   * the device that it is on. It costs time: `moegen explain` says how much. Default: a result is
   * right within its bound, and its last bits may depend on these.
   */
  readonly deterministic?: true;
}

/** Values that replace what a `config.json` says, or say what it cannot. */
export interface LayerOverrides
  extends Partial<Omit<LayerInput, "sharedExperts" | "quantization">> {
  /**
   * "none": weights are of `dtype`, whatever the checkpoint has; its loader makes them so.
   * Default: the config's `quantization_config`.
   */
  readonly quantization?: QuantizationInput | "none";
  /**
   * What `hf_quant_config.json` or `quantize_config.json` says, where the checkpoint has one beside its
   * config. Default: there is none; the checker says where one lies.
   */
  readonly quantConfig?: unknown;
  /**
   * "outside": the caller adds the shared experts' result; this kernel computes the routed experts
   * alone. Default: the config's, in the kernel.
   */
  readonly sharedExperts?: SharedExpertsInput | "outside";
  /**
   * Index of the layer that is read, from 0, where a model's layers differ. Default: all are taken to be
   * alike, and what differs between them is an error or a note.
   */
  readonly at?: number;
  /**
   * Read a config of a family that is not known by the usual names of its fields. What it does not say
   * is guessed, and each guess noted. Default: such a config is an error.
   */
  readonly guess?: true;
}

export interface MeshInput {
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Mesh axes that expert parallelism spans, outermost first. Default: ["data", "tensor"]. */
  readonly axes?: readonly [string, ...string[]];
  /**
   * Devices that each expert's intermediate columns are cut over (tensor parallelism): `ep` times so
   * many take part. A schedule without it says so. Default: 1, experts whole.
   */
  readonly tp?: number;
  /**
   * Mesh axes that `tp` spans, outermost first, all of them inside `axes`. Default: ["tensor"], and
   * `axes` are ["data"] then.
   */
  readonly tpAxes?: readonly [string, ...string[]];
  /**
   * Those of `axes` and `tpAxes` that tokens come and leave sharded over, outermost first; on the
   * others they are replicated. Default: all of them.
   */
  readonly tokenAxes?: readonly string[];
  /**
   * Experts of zero weights fill up the last devices where `ep` does not divide the experts: no token
   * goes to them, and they are never read. The package's `pad_experts` makes them. Default: `ep` divides.
   */
  readonly padExperts?: true;
}

/** Tiles for calls of up to `upTo` tokens: those that a schedule of this kind has. */
export type BucketInput<K extends ScheduleName = ScheduleName> = Pick<BucketSpec, "upTo"> &
  Required<Pick<BucketSpec, AxesOf<K>>> &
  Pick<BucketSpec, OptionsOf<K> | "compilerOptions"> & {
    /** By device, as `moegen predict --write` puts them. Default: not predicted. */
    readonly predicted?: Readonly<Partial<Record<DeviceName, PredictedTimes>>>;
  };

/** One schedule with its rows elsewhere than in VMEM: "gather_hbm_sums". */
type ResidentOf<K extends ScheduleName> = "rows" extends OptionsOf<K> ? `${K}_${PlaceWord}` : never;

/** What may take part in a package of several: a schedule, or one with its rows in another place. */
export type MemberName = { readonly [K in ScheduleName]: K | ResidentOf<K> }[ScheduleName];

/** Of one of several: the tiles that it has, each `auto` where it is left out. Where rows lie its name says. */
export type MemberInput<K extends ScheduleName> = Partial<
  Pick<BucketSpec, AxesOf<K> | Exclude<OptionsOf<K>, "rows">>
>;

/** A token bucket of several schedules: the fastest runs it. */
export type AutoBucketInput = Pick<SeveralBucket, "upTo" | "compilerOptions"> & {
  /** The member that runs it, whatever is predicted. Default: the fastest by `predicted`. */
  readonly use?: MemberName;
  /** Microseconds by device and member, as `moegen predict --write` puts them. Default: undecided. */
  readonly predicted?: Readonly<
    Partial<Record<DeviceName, Readonly<Partial<Record<MemberName | typeof EPMOE, number>>>>>
  >;
} & { readonly [K in ScheduleName as K | ResidentOf<K>]?: MemberInput<K> };

/** Several schedules in one package, over one layout of the weights. */
export interface AutoScheduleInput {
  readonly kind: typeof AUTO;
  /** Who may take part. Default: every schedule that can run the layer, with its rows in VMEM. */
  readonly among?: readonly [MemberName, ...MemberName[]];
  /** Token-count buckets by name, ascending in `upTo`. */
  readonly tiles: Readonly<Record<string, AutoBucketInput>>;
}

/** A schedule by its kind, with tiles that this kind has; or several. */
export type ScheduleInput =
  | AutoScheduleInput
  | {
      readonly [K in ScheduleName]: {
        /** Key of `src/schedule/registry.ts`. */
        readonly kind: K;
        /** Token-count buckets by name, ascending in `upTo`. */
        readonly tiles: Readonly<Record<string, BucketInput<K>>>;
      };
    }[ScheduleName];

/** What a spec of one layer and one of several kinds of layers have in common. */
interface CommonInput {
  /** Python package name: an identifier. */
  readonly name: string;
  /** Where the figures come from (URL or model card), printed in the generated header. */
  readonly source?: string;
  /**
   * Whose layer it is, as the first of `architectures` in `config.json`; a tree that has no such model
   * is not built into. Default: the config's, where the layer is read from one; else anyone's.
   */
  readonly architecture?: string;
  readonly mesh: MeshInput;
  /** TPU generations the kernel must run on. */
  readonly devices: readonly [DeviceName, ...DeviceName[]];
  /** Default: { reference: true }, `reference.py` is written beside the kernel. */
  readonly emit?: Partial<EmitSpec>;
}

/** A spec as a user writes it; `moe()` makes it a `MoeSpec`. */
export interface MoeInput extends CommonInput {
  readonly layer: LayerInput | LayerSpec;
  readonly layers?: never;
  readonly schedule: ScheduleInput;
}

/** Indices of layers in their model, from 0: each of them, or those from one to another, both included. */
export type LayerIndices =
  | readonly number[]
  | {
      readonly from: number;
      readonly to: number;
      /** From one to the next. Default: 1. */
      readonly step?: number;
    };

/** Layers of one kind. */
export interface LayerKindInput {
  readonly at: LayerIndices;
  readonly layer: LayerInput | LayerSpec;
  /** Default: the spec's. */
  readonly schedule?: ScheduleInput;
}

/** Several kinds of layers of one model, one package: `moe()` makes it a `LayersSpec`. */
export interface LayersInput extends CommonInput {
  /** By name: a Python identifier, which the kind's folder in the package has. */
  readonly layers: Readonly<Record<string, LayerKindInput>>;
  readonly layer?: never;
  /** Of kinds that have none of their own. */
  readonly schedule?: ScheduleInput;
}
