"""Tiny checkpoints of the models of 2026; see `checkpoint.py`."""

from weights import (
    EXPERTS,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    INTERMEDIATE,
    LAYERS,
    TOP_K,
    VOCAB,
    Weights,
    attention,
    common,
)


def _outer(w: Weights) -> None:
    w.normal("model.embed_tokens.weight", VOCAB, HIDDEN, scale=1.0)
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)


def _layers(w: Weights):
    """The prefix of each layer, which has its two norms."""
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        w.norm(f"{prefix}.input_layernorm.weight")
        w.norm(f"{prefix}.post_attention_layernorm.weight")
        yield prefix


def _routed(w: Weights, prefix: str, shared: bool) -> None:
    """A gate with a bias for the choice, experts, and with them a shared one."""
    w.normal(f"{prefix}.gate.weight", EXPERTS, HIDDEN)
    w.normal(f"{prefix}.gate.e_score_correction_bias", EXPERTS, scale=0.5)
    if shared:
        w.gated(f"{prefix}.shared_experts", INTERMEDIATE)
    for expert in range(EXPERTS):
        w.gated(f"{prefix}.experts.{expert}", INTERMEDIATE)


_ROUTED = {
    "n_routed_experts": EXPERTS,
    "num_experts_per_tok": TOP_K,
    "moe_intermediate_size": INTERMEDIATE,
    "intermediate_size": INTERMEDIATE,
    "norm_topk_prob": True,
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
    "hidden_act": "silu",
}

_GROUPED = {
    "n_shared_experts": 1,
    "n_group": 4,
    "topk_group": 2,
    "routed_scaling_factor": 2.5,
    "first_k_dense_replace": 0,
}


def minimax_m2(w: Weights, dtype: str) -> dict:
    """MiniMax-M2: norms over all heads, sigmoid scores, a bias for the choice."""
    _outer(w)
    for prefix in _layers(w):
        attention(w, f"{prefix}.self_attn")
        w.norm(f"{prefix}.self_attn.q_norm.weight", HEADS * HEAD_DIM)
        w.norm(f"{prefix}.self_attn.k_norm.weight", HEADS * HEAD_DIM)
        moe = f"{prefix}.block_sparse_moe"
        w.normal(f"{moe}.gate.weight", EXPERTS, HIDDEN)
        w.normal(f"{moe}.e_score_correction_bias", EXPERTS, scale=0.5)
        for expert in range(EXPERTS):
            w.gated(f"{moe}.experts.{expert}", INTERMEDIATE, ("w1", "w3", "w2"))
    return common("MiniMaxM2ForCausalLM", "minimax_m2", dtype) | {
        "auto_map": {"AutoConfig": "configuration_minimax_m2.MiniMaxM2Config"},
        "num_local_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "intermediate_size": INTERMEDIATE,
        "use_qk_norm": True,
        "use_routing_bias": True,
        "scoring_func": "sigmoid",
        "rotary_dim": HEAD_DIM // 2,
        "hidden_act": "silu",
    }


def glm4_moe(w: Weights, dtype: str) -> dict:
    """GLM-4.5: groups, scaling, a shared expert."""
    _outer(w)
    for prefix in _layers(w):
        attention(w, f"{prefix}.self_attn")
        w.norm(f"{prefix}.self_attn.q_norm.weight", HEAD_DIM)
        w.norm(f"{prefix}.self_attn.k_norm.weight", HEAD_DIM)
        _routed(w, f"{prefix}.mlp", shared=True)
    return (
        common("Glm4MoeForCausalLM", "glm4_moe", dtype)
        | _ROUTED
        | _GROUPED
        | {"use_qk_norm": True, "partial_rotary_factor": 0.5}
    )


def mimo_v2_flash(w: Weights, dtype: str) -> dict:
    """MiMo-V2-Flash, its layers of full attention alone."""
    _outer(w)
    for prefix in _layers(w):
        attention(w, f"{prefix}.self_attn")
        _routed(w, f"{prefix}.mlp", shared=False)
    return (
        common("MiMoV2FlashForCausalLM", "mimo_v2_flash", dtype)
        | _ROUTED
        | {
            "auto_map": {"AutoConfig": "configuration_mimo_v2_flash.MiMoV2FlashConfig"},
            "moe_layer_freq": [1] * LAYERS,
            "hybrid_layer_pattern": [0] * LAYERS,
            "layernorm_epsilon": 1e-6,
            "v_head_dim": HEAD_DIM,
            "swa_num_attention_heads": HEADS,
            "swa_num_key_value_heads": HEADS,
            "swa_head_dim": HEAD_DIM,
            "swa_v_head_dim": HEAD_DIM,
            "partial_rotary_factor": 0.5,
        }
    )


def deepseek_v3(w: Weights, dtype: str) -> dict:
    """DeepSeek-V3: latent attention, groups, scaling, a shared expert."""
    _outer(w)
    rank, rope, value = 64, HEAD_DIM // 4, HEAD_DIM // 2
    nope = HEAD_DIM - rope
    for prefix in _layers(w):
        own = f"{prefix}.self_attn"
        w.normal(f"{own}.q_a_proj.weight", rank, HIDDEN)
        w.norm(f"{own}.q_a_layernorm.weight", rank)
        w.normal(f"{own}.q_b_proj.weight", HEADS * HEAD_DIM, rank)
        w.normal(f"{own}.kv_a_proj_with_mqa.weight", rank + rope, HIDDEN)
        w.norm(f"{own}.kv_a_layernorm.weight", rank)
        w.normal(f"{own}.kv_b_proj.weight", HEADS * (nope + value), rank)
        w.normal(f"{own}.o_proj.weight", HIDDEN, HEADS * value)
        _routed(w, f"{prefix}.mlp", shared=True)
    return (
        common("DeepseekV3ForCausalLM", "deepseek_v3", dtype)
        | _ROUTED
        | _GROUPED
        | {
            "q_lora_rank": rank,
            "kv_lora_rank": rank,
            "qk_nope_head_dim": nope,
            "qk_rope_head_dim": rope,
            "v_head_dim": value,
        }
    )


def gemma4(w: Weights, dtype: str) -> dict:
    """Gemma-4 with experts beside a dense feed-forward; gate and up of all experts are one tensor."""
    _outer(w)
    for prefix in _layers(w):
        attention(w, f"{prefix}.self_attn")
        w.norm(f"{prefix}.self_attn.q_norm.weight", HEAD_DIM)
        w.norm(f"{prefix}.self_attn.k_norm.weight", HEAD_DIM)
        w.norm(f"{prefix}.layer_scalar", 1)
        for name in ("pre", "pre_2", "post", "post_1", "post_2"):
            side, *number = name.split("_")
            norm = "_".join([side, "feedforward_layernorm", *number])
            w.norm(f"{prefix}.{norm}.weight")
        w.gated(f"{prefix}.mlp", INTERMEDIATE)
        w.norm(f"{prefix}.router.scale")
        w.norm(f"{prefix}.router.per_expert_scale", EXPERTS)
        w.normal(f"{prefix}.router.proj.weight", EXPERTS, HIDDEN, scale=1.0)
        w.normal(f"{prefix}.experts.gate_up_proj", EXPERTS, 2 * INTERMEDIATE, HIDDEN)
        w.normal(f"{prefix}.experts.down_proj", EXPERTS, HIDDEN, INTERMEDIATE)
    text = common("Gemma4ForCausalLM", "gemma4_text", dtype) | {
        "enable_moe_block": True,
        "num_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "moe_intermediate_size": INTERMEDIATE,
        "intermediate_size": INTERMEDIATE,
        "layer_types": ["full_attention"] * LAYERS,
        "rope_parameters": {},
        "hidden_activation": "gelu_pytorch_tanh",
    }
    return common("Gemma4ForConditionalGeneration", "gemma4", dtype) | {"text_config": text}


def kimi_k2_5(w: Weights, dtype: str) -> dict:
    """Kimi-K2.5's language model: DeepSeek-V3's, a part of a model that sees."""
    text = deepseek_v3(w, dtype)
    w.tensors = {f"language_model.{name}": tensor for name, tensor in w.tensors.items()}
    return common("KimiK25ForConditionalGeneration", "kimi_k25", dtype) | {
        "auto_map": {"AutoConfig": "configuration_kimi_k25.KimiK25Config"},
        "text_config": text,
    }


MODELS = {
    "minimax_m2": minimax_m2,
    "glm4_moe": glm4_moe,
    "mimo_v2_flash": mimo_v2_flash,
    "deepseek_v3": deepseek_v3,
    "kimi_k2_5": kimi_k2_5,
    "gemma4": gemma4,
}
