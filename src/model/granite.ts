import { type FamilyData, family } from "./family.ts";
import { field } from "./field.ts";

/** What Granite's generations have in common. */
const graniteData = {
  experts: ["num_local_experts"],
  intermediate: ["intermediate_size"],
  // The chosen ones' softmax sums to 1 already.
  routing: { scoring: "softmax", renormalize: false, scoreChosen: true },
} as const satisfies Partial<FamilyData>;

/** One, always there, in the hybrid of width 1024 unless the config says another; 0: none. */
const shared = (width: number) => ({
  count: 1,
  intermediate: field(width, "shared_intermediate_size"),
});

/**
 * Granite-3 and 4: top-k by router logits, softmax of the chosen ones alone; a shared expert of
 * `shared_intermediate_size`, added plainly, in the "shared" and hybrid ones. `residual_multiplier`
 * scales the layer's result: the caller's.
 * Source: transformers 5.24, models/{granitemoe, granitemoeshared, granitemoehybrid}: …TopKRouter,
 * …DecoderLayer and configuration classes; sglang 0.5.23, models/granitemoe.py (SWA).
 */
export const granite = family(
  { names: ["GraniteMoeForCausalLM"], types: ["granitemoe"], ...graniteData },
  {
    names: ["GraniteMoeSharedForCausalLM", "GraniteMoeSWAForCausalLM"],
    types: ["granitemoeshared", "granitemoe_swa"],
    ...graniteData,
    shared: shared(0),
  },
  {
    names: ["GraniteMoeHybridForCausalLM"],
    types: ["granitemoehybrid"],
    ...graniteData,
    shared: shared(1024),
  },
);
