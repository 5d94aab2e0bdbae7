/** What the language cannot say of a model is refused by name, with the override that answers it. */
import { describe, expect, test } from "vitest";
import type { LayerOverrides } from "../../src/dsl/input.ts";
import { problemsOf, read, SIZES } from "./read.ts";

interface Refused {
  readonly config: object;
  readonly says: string;
  /** What the problem names as its answer, and the override that is it; none: no override answers. */
  readonly answer?: { readonly named: string; readonly overrides: LayerOverrides };
}

const given: Refused["answer"] = {
  named: 'routing: { where: "given" }',
  overrides: { routing: { where: "given" } },
};
const outside: Refused["answer"] = {
  named: 'sharedExperts: "outside"',
  overrides: { sharedExperts: "outside" },
};
const silu: Refused["answer"] = { named: "silu", overrides: { activation: "silu" } };

const refused: Readonly<Record<string, Refused>> = {
  "Nemotron-3 with another activation without a gate": {
    config: { architectures: ["NemotronHForCausalLM"], mlp_hidden_act: "silu" },
    says: 'mlp_hidden_act "silu" of experts without a gate is not one the kernel has',
    answer: { named: "relu2", overrides: { activation: "relu2" } },
  },
  "LongCat: experts without weights that are not the identity": {
    config: {
      architectures: ["LongcatFlashForCausalLM"],
      expert_ffn_hidden_size: 2048,
      zero_expert_type: "drop",
    },
    says: 'experts without weights of zero_expert_type "drop" give something else',
    answer: given,
  },
  "Phi-3.5-MoE: sparsemixer of other than two": {
    config: { architectures: ["PhiMoEForCausalLM"], num_experts_per_tok: 4 },
    says: "Phi-MoE's sparsemixer chooses 2 experts",
    answer: given,
  },
  "DBRX: a norm that is no sum": {
    config: {
      architectures: ["DbrxForCausalLM"],
      d_model: 64,
      ffn_config: {
        moe_num_experts: 16,
        moe_top_k: 4,
        ffn_hidden_size: 256,
        moe_normalize_expert_weights: 2,
      },
    },
    says: "weights are divided by their 2-norm",
    answer: given,
  },
  "DeepSeek-V2 renormalised: not agreed on": {
    config: { architectures: ["DeepseekV2ForCausalLM"], norm_topk_prob: true },
    says: "norm_topk_prob is not in transformers' DeepSeek-V2",
    answer: given,
  },
  "Step: layers that clamp after silu": {
    config: {
      architectures: ["Step3p5ForCausalLM"],
      swiglu_limits: [0, null, 7],
      share_expert_dim: 0,
    },
    says: "layers 2 (7) clamp silu's result",
    answer: {
      named: '{ kind: "silu_clamped", limit: 7 }',
      overrides: { activation: { kind: "silu_clamped", limit: 7 } },
    },
  },
  "Step: shared experts that clamp after silu": {
    config: { architectures: ["Step3p5ForCausalLM"], swiglu_limits_shared: [0, 0, 16] },
    says: "the shared expert of layers 2 (16) clamps silu's result",
    answer: {
      named:
        'sharedExperts: { count: 1, intermediate: 1280, activation: { kind: "silu_clamped", limit: 16 } }',
      overrides: {
        sharedExperts: {
          count: 1,
          intermediate: 1280,
          activation: { kind: "silu_clamped", limit: 16 },
        },
      },
    },
  },
  "Ling-3: layers that clamp after silu": {
    config: {
      architectures: ["BailingMoeV3ForCausalLM"],
      expert_swiglu_limit_list: [0, 0, 0, 10],
    },
    says: "layers 3 (10) clamp silu's result",
    answer: silu,
  },
  "Ling: routers by modality": {
    config: { architectures: ["BailingMoeV3ForCausalLM"], router_type: "MultiRouter" },
    says: "tokens of text, images and audio have routers",
    answer: given,
  },
  "MiniMax-Text-01 with a shared expert": {
    config: { architectures: ["MiniMaxText01ForCausalLM"], shared_intermediate_size: 4096 },
    says: "a shared expert of 4096 columns, weighed by a coefficient of its own",
    answer: outside,
  },
  "Laguna with scores on the input": {
    config: {
      architectures: ["LagunaForCausalLM"],
      moe_apply_router_weight_on_input: true,
    },
    says: "scores multiply an expert's input",
  },
  "an activation that is not the kernel's": {
    config: { architectures: ["MixtralForCausalLM"], hidden_act: "relu2" },
    says: 'hidden_act "relu2" is not an activation the kernel has',
    answer: silu,
  },
};

describe("refused by name, with what answers it", () => {
  test.each(Object.entries(refused))("%s", (_name, { config, says, answer }) => {
    const problems = problemsOf(read({ ...SIZES, ...config }));
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
    if (answer === undefined) {
      expect(problems[0]?.nearest).toEqual([]);
      return;
    }
    expect(problems[0]?.nearest).toContain(answer.named);
    expect(problemsOf(read({ ...SIZES, ...config }, answer.overrides))).toEqual([]);
  });
});
