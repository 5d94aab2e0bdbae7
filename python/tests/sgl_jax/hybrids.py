"""Tiny checkpoints of models whose attention has a memory of its own; see `checkpoint.py`.

Two layers each: the first attends linearly and the second in full, but in GLM-5.
"""

from newer import _GROUPED, _ROUTED, _layers, _outer, _routed
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
    common,
)

SIZE = HEADS * HEAD_DIM

# Taps of the short convolutions before linear attention.
_TAPS = 4

# Of latent attention: its rank, and the parts of a head.
_RANK, _ROPE, _VALUE = 64, 32, HEAD_DIM
_NOPE = HEAD_DIM - _ROPE
_LATENT = {
    "kv_lora_rank": _RANK,
    "qk_nope_head_dim": _NOPE,
    "qk_rope_head_dim": _ROPE,
    "v_head_dim": _VALUE,
}


def _latent(w: Weights, prefix: str, output: str) -> None:
    """Latent attention whose queries have no rank of their own."""
    w.normal(f"{prefix}.q_proj.weight", SIZE, HIDDEN)
    w.normal(f"{prefix}.kv_a_proj_with_mqa.weight", _RANK + _ROPE, HIDDEN)
    w.norm(f"{prefix}.kv_a_layernorm.weight", _RANK)
    w.normal(f"{prefix}.kv_b_proj.weight", HEADS * (_NOPE + _VALUE), _RANK)
    w.normal(f"{prefix}.{output}.weight", HIDDEN, HEADS * _VALUE)


def ling_linear(w: Weights, dtype: str) -> dict:
    """Ling-2.5: lightning attention, latent attention, the experts of Ling."""
    w.normal("model.word_embeddings.weight", VOCAB, HIDDEN, scale=1.0)
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    for layer, prefix in enumerate(_layers(w)):
        own = f"{prefix}.attention"
        if layer == 0:
            w.normal(f"{own}.query_key_value.weight", 3 * SIZE, HIDDEN)
            w.normal(f"{own}.g_proj.weight", SIZE, HIDDEN)
            w.normal(f"{own}.dense.weight", HIDDEN, SIZE)
            w.norm(f"{own}.g_norm.weight", SIZE)
            w.norm(f"{own}.query_layernorm.weight", HEAD_DIM)
            w.norm(f"{own}.key_layernorm.weight", HEAD_DIM)
        else:
            _latent(w, own, "dense")
        w.normal(f"{prefix}.mlp.gate.weight", EXPERTS, HIDDEN)
        w.normal(f"{prefix}.mlp.gate.expert_bias", EXPERTS, scale=0.5)
        w.gated(f"{prefix}.mlp.shared_experts", INTERMEDIATE)
        for expert in range(EXPERTS):
            w.gated(f"{prefix}.mlp.experts.{expert}", INTERMEDIATE)
    return (
        common("BailingMoeV2_5ForCausalLM", "bailing_hybrid", dtype)
        | _LATENT
        | {
            "layer_group_size": 2,
            "group_norm_size": HEADS,
            "num_experts": EXPERTS,
            "num_experts_per_tok": TOP_K,
            "moe_intermediate_size": INTERMEDIATE,
            "intermediate_size": INTERMEDIATE,
            "num_shared_experts": 1,
            "first_k_dense_replace": 0,
            "n_group": 4,
            "topk_group": 2,
            "norm_topk_prob": True,
            "routed_scaling_factor": 2.5,
            "score_function": "sigmoid",
            "partial_rotary_factor": 0.5,
        }
    )


def kimi_linear(w: Weights, dtype: str) -> dict:
    """Kimi-Linear: delta attention, latent attention without positions, groups and a shared expert."""
    _outer(w)
    for layer, prefix in enumerate(_layers(w)):
        own = f"{prefix}.self_attn"
        if layer == 0:
            for part in ("q", "k", "v"):
                w.normal(f"{own}.{part}_proj.weight", SIZE, HIDDEN)
                w.normal(f"{own}.{part}_conv1d.weight", SIZE, 1, _TAPS)
            for part in ("f", "g"):
                w.normal(f"{own}.{part}_a_proj.weight", HEAD_DIM, HIDDEN)
                w.normal(f"{own}.{part}_b_proj.weight", SIZE, HEAD_DIM)
            w.normal(f"{own}.b_proj.weight", HEADS, HIDDEN)
            w.normal(f"{own}.A_log", 1, 1, HEADS, 1, scale=0.5)
            w.normal(f"{own}.dt_bias", SIZE, scale=0.5)
            w.norm(f"{own}.o_norm.weight", HEAD_DIM)
            w.normal(f"{own}.o_proj.weight", HIDDEN, SIZE)
        else:
            _latent(w, own, "o_proj")
        moe = f"{prefix}.block_sparse_moe"
        w.normal(f"{moe}.gate.weight", EXPERTS, HIDDEN)
        w.normal(f"{moe}.gate.e_score_correction_bias", EXPERTS, scale=0.5)
        w.gated(f"{moe}.shared_experts", INTERMEDIATE)
        for expert in range(EXPERTS):
            w.gated(f"{moe}.experts.{expert}", INTERMEDIATE, ("w1", "w3", "w2"))
    return (
        common("KimiLinearForCausalLM", "kimi_linear", dtype)
        | _LATENT
        | {
            "linear_attn_config": {
                # Layers count from one.
                "kda_layers": [1],
                "full_attn_layers": [2],
                "num_heads": HEADS,
                "head_dim": HEAD_DIM,
                "short_conv_kernel_size": _TAPS,
            },
            "mla_use_nope": True,
            "num_experts": EXPERTS,
            "num_experts_per_token": TOP_K,
            "moe_intermediate_size": INTERMEDIATE,
            "intermediate_size": INTERMEDIATE,
            "num_shared_experts": 1,
            "first_k_dense_replace": 0,
            "num_expert_group": 4,
            "topk_group": 2,
            "moe_renormalize": True,
            "moe_router_activation_func": "sigmoid",
            "routed_scaling_factor": 2.5,
        }
    )


def qwen3_5(w: Weights, dtype: str) -> dict:
    """Qwen3.5: gated delta nets, attention with a gate, a shared expert behind a sigmoid gate."""
    text = "model.language_model"
    w.normal(f"{text}.embed_tokens.weight", VOCAB, HIDDEN, scale=1.0)
    # Its norms scale by one more than their weight.
    w.normal(f"{text}.norm.weight", HIDDEN, scale=0.1)
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    for layer in range(LAYERS):
        prefix = f"{text}.layers.{layer}"
        w.normal(f"{prefix}.input_layernorm.weight", HIDDEN, scale=0.1)
        w.normal(f"{prefix}.post_attention_layernorm.weight", HIDDEN, scale=0.1)
        if layer == 0:
            own = f"{prefix}.linear_attn"
            w.normal(f"{own}.in_proj_qkv.weight", 3 * SIZE, HIDDEN)
            w.normal(f"{own}.in_proj_z.weight", SIZE, HIDDEN)
            w.normal(f"{own}.in_proj_b.weight", HEADS, HIDDEN)
            w.normal(f"{own}.in_proj_a.weight", HEADS, HIDDEN)
            w.normal(f"{own}.conv1d.weight", 3 * SIZE, 1, _TAPS)
            w.normal(f"{own}.A_log", HEADS, scale=0.5)
            w.normal(f"{own}.dt_bias", HEADS, scale=0.5)
            w.norm(f"{own}.norm.weight", HEAD_DIM)
            w.normal(f"{own}.out_proj.weight", HIDDEN, SIZE)
        else:
            own = f"{prefix}.self_attn"
            w.normal(f"{own}.q_proj.weight", 2 * SIZE, HIDDEN)
            w.normal(f"{own}.k_proj.weight", SIZE, HIDDEN)
            w.normal(f"{own}.v_proj.weight", SIZE, HIDDEN)
            w.normal(f"{own}.o_proj.weight", HIDDEN, SIZE)
            w.normal(f"{own}.q_norm.weight", HEAD_DIM, scale=0.1)
            w.normal(f"{own}.k_norm.weight", HEAD_DIM, scale=0.1)
        w.normal(f"{prefix}.mlp.gate.weight", EXPERTS, HIDDEN)
        w.normal(f"{prefix}.mlp.experts.gate_up_proj", EXPERTS, 2 * INTERMEDIATE, HIDDEN)
        w.normal(f"{prefix}.mlp.experts.down_proj", EXPERTS, HIDDEN, INTERMEDIATE)
        w.gated(f"{prefix}.mlp.shared_expert", INTERMEDIATE)
        w.normal(f"{prefix}.mlp.shared_expert_gate.weight", 1, HIDDEN)
    rotated = HEAD_DIM // 4
    text_config = common("Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", dtype) | {
        "layer_types": ["linear_attention", "full_attention"],
        "linear_conv_kernel_dim": _TAPS,
        "linear_key_head_dim": HEAD_DIM,
        "linear_value_head_dim": HEAD_DIM,
        "linear_num_key_heads": HEADS,
        "linear_num_value_heads": HEADS,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [rotated // 4, rotated // 8, rotated // 8],
            "mrope_interleaved": True,
            "rope_theta": 10000,
            "partial_rotary_factor": rotated / HEAD_DIM,
        },
        "num_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "moe_intermediate_size": INTERMEDIATE,
        "shared_expert_intermediate_size": INTERMEDIATE,
    }
    return common("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe", dtype) | {
        "text_config": text_config
    }


def glm5(w: Weights, dtype: str) -> dict:
    """GLM-5: its latent attention has the published sizes whatever the config says, and an indexer."""
    _outer(w)
    rank, rope, nope, value, queries = 512, 64, 192, 256, 2048
    for prefix in _layers(w):
        own = f"{prefix}.self_attn"
        w.normal(f"{own}.q_a_proj.weight", queries, HIDDEN)
        w.norm(f"{own}.q_a_layernorm.weight", queries)
        w.normal(f"{own}.q_b_proj.weight", HEADS * (nope + rope), queries)
        w.normal(f"{own}.kv_a_proj_with_mqa.weight", rank + rope, HIDDEN)
        w.norm(f"{own}.kv_a_layernorm.weight", rank)
        w.normal(f"{own}.kv_b_proj.weight", HEADS * (nope + value), rank)
        w.normal(f"{own}.o_proj.weight", HIDDEN, HEADS * value)
        w.normal(f"{own}.indexer.wq_b.weight", 32 * 128, queries)
        w.normal(f"{own}.indexer.wk.weight", 128, HIDDEN)
        w.normal(f"{own}.indexer.weights_proj.weight", 32, HIDDEN)
        w.norm(f"{own}.indexer.k_norm.weight", 128)
        w.normal(f"{own}.indexer.k_norm.bias", 128, scale=0.1)
        _routed(w, f"{prefix}.mlp", shared=True)
    return (
        common("GlmMoeDsaForCausalLM", "glm_moe_dsa", dtype)
        | _ROUTED
        | _GROUPED
        | {
            "q_lora_rank": queries,
            "kv_lora_rank": rank,
            "qk_nope_head_dim": nope,
            "qk_rope_head_dim": rope,
            "v_head_dim": value,
            "use_qk_norm": False,
        }
    )


MODELS = {
    "ling_linear": ling_linear,
    "kimi_linear": kimi_linear,
    "qwen3_5": qwen3_5,
    "glm5": glm5,
}
