// The loader ran out of memory counting the layers of so deep a model (MOE305).
import { moe } from "moegen";

export default moe({
  name: "_",
  layer: moe.fromHuggingFace({
    architectures: ["Qwen3MoeForCausalLM"],
    hidden_act: "silu",
    hidden_size: 2048,
    moe_intermediate_size: 768,
    norm_topk_prob: true,
    num_experts: 128,
    num_experts_per_tok: 8,
    num_hidden_layers: 9_007_199_254_740_992,
  }),
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 768, bd: 2048 } } },
});
