"""Tiny checkpoints of the served families: real `config.json`, real safetensors, published tensor names.

Random weights from a seed, so that a test can choose one whose greedy ids have a wide margin. Runs
in the Python environment of the sgl-jax tree (numpy, ml_dtypes, safetensors).
"""

import json
from pathlib import Path

import hybrids
import ml_dtypes
import newer
import numpy as np
from safetensors.numpy import save_file
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


def qwen3_moe(w: Weights, dtype: str) -> dict:
    w.normal("model.embed_tokens.weight", VOCAB, HIDDEN, scale=1.0)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        w.norm(f"{prefix}.input_layernorm.weight")
        w.norm(f"{prefix}.post_attention_layernorm.weight")
        attention(w, f"{prefix}.self_attn")
        w.norm(f"{prefix}.self_attn.q_norm.weight", HEAD_DIM)
        w.norm(f"{prefix}.self_attn.k_norm.weight", HEAD_DIM)
        w.normal(f"{prefix}.mlp.gate.weight", EXPERTS, HIDDEN)
        for expert in range(EXPERTS):
            w.gated(f"{prefix}.mlp.experts.{expert}", INTERMEDIATE)
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    return common("Qwen3MoeForCausalLM", "qwen3_moe", dtype) | {
        "num_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "moe_intermediate_size": INTERMEDIATE,
        "intermediate_size": INTERMEDIATE,
        "norm_topk_prob": True,
        "hidden_act": "silu",
    }


def qwen3_omni(w: Weights, dtype: str) -> dict:
    """Qwen3-Omni's thinker: Qwen3-MoE, a part of a model that hears and speaks."""
    text = qwen3_moe(w, dtype) | {
        "model_type": "qwen3_omni_moe_text",
        "rope_scaling": {
            "rope_type": "default",
            "mrope_section": [HEAD_DIM // 4, HEAD_DIM // 8, HEAD_DIM // 8],
            "mrope_interleaved": True,
        },
    }
    w.tensors = {f"thinker.{name}": tensor for name, tensor in w.tensors.items()}
    return common("Qwen3OmniMoeForConditionalGeneration", "qwen3_omni_moe", dtype) | {
        "enable_audio_output": False,
        "thinker_config": {"model_type": "qwen3_omni_moe_thinker", "text_config": text},
    }


def _fp8(weights: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (out, in) as float8_e4m3fn with one float32 scale for each block of rows x columns."""
    out, size = weights.shape
    blocks = weights.astype(np.float32).reshape(out // rows, rows, size // columns, columns)
    scale = np.abs(blocks).max(axis=(1, 3), keepdims=True) / 448
    quantized = (blocks / scale).reshape(out, size).astype(ml_dtypes.float8_e4m3fn)
    return quantized, scale[:, 0, :, 0]


def qwen3_moe_fp8(w: Weights, dtype: str) -> dict:
    """Qwen3-MoE quantised offline: experts in blocks of 128 x 128, attention by output channel."""
    config = qwen3_moe(w, dtype)
    for name, weights in list(w.tensors.items()):
        if ".experts." in name:
            quantized, scale = _fp8(weights, 128, 128)
        elif "_proj." in name:
            quantized, scale = _fp8(weights, 1, weights.shape[1])
        else:
            continue
        w.tensors[name] = quantized
        w.tensors[name.replace(".weight", ".weight_scale_inv")] = scale
    return config | {"quantization_config": {"quant_method": "fp8"}}


def qwen2_moe(w: Weights, dtype: str) -> dict:
    """Qwen2-MoE: biased attention, a shared expert behind a sigmoid gate."""
    w.normal("model.embed_tokens.weight", VOCAB, HIDDEN, scale=1.0)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        w.norm(f"{prefix}.input_layernorm.weight")
        w.norm(f"{prefix}.post_attention_layernorm.weight")
        attention(w, f"{prefix}.self_attn", bias=True)
        w.normal(f"{prefix}.mlp.gate.weight", EXPERTS, HIDDEN)
        w.gated(f"{prefix}.mlp.shared_expert", INTERMEDIATE)
        w.normal(f"{prefix}.mlp.shared_expert_gate.weight", 1, HIDDEN)
        for expert in range(EXPERTS):
            w.gated(f"{prefix}.mlp.experts.{expert}", INTERMEDIATE)
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    return common("Qwen2MoeForCausalLM", "qwen2_moe", dtype) | {
        "num_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "moe_intermediate_size": INTERMEDIATE,
        "shared_expert_intermediate_size": INTERMEDIATE,
        "intermediate_size": INTERMEDIATE,
        "norm_topk_prob": False,
        "hidden_act": "silu",
    }


def grok(w: Weights, dtype: str) -> dict:
    """Grok: raw router logits with a soft cap, a dense feed-forward beside the experts."""
    w.normal("model.embed_tokens.weight", VOCAB, HIDDEN, scale=1.0)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name in ("pre_attn_norm", "post_attn_norm", "pre_moe_norm", "post_moe_norm"):
            w.norm(f"{prefix}.{name}.weight")
        attention(w, f"{prefix}.self_attn")
        w.gated(f"{prefix}.mlp", INTERMEDIATE)
        w.normal(f"{prefix}.block_sparse_moe.gate.weight", EXPERTS, HIDDEN)
        for expert in range(EXPERTS):
            w.gated(f"{prefix}.block_sparse_moe.experts.{expert}", INTERMEDIATE, ("w1", "w3", "w2"))
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    return common("Grok1ForCausalLM", "git", dtype) | {
        "num_local_experts": EXPERTS,
        "num_experts_per_tok": TOP_K,
        "moe_intermediate_size": INTERMEDIATE,
        "intermediate_size": INTERMEDIATE,
        "residual_moe": True,
        "router_logit_softcapping": 30.0,
        "attn_logit_softcapping": 30.0,
        "final_logit_softcapping": 50.0,
        "embedding_multiplier_scale": 1.0,
        "output_multiplier_scale": 1.0,
        "hidden_act": "gelu",
    }


def ling(w: Weights, dtype: str) -> dict:
    """Ling: sigmoid scores, correction bias, groups, scaling, a dense first layer, shared experts."""
    size = HEADS * HEAD_DIM
    w.normal("model.word_embeddings.weight", VOCAB, HIDDEN, scale=1.0)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        w.norm(f"{prefix}.input_layernorm.weight")
        w.norm(f"{prefix}.post_attention_layernorm.weight")
        w.normal(f"{prefix}.attention.query_key_value.weight", 3 * size, HIDDEN)
        w.norm(f"{prefix}.attention.query_layernorm.weight", HEAD_DIM)
        w.norm(f"{prefix}.attention.key_layernorm.weight", HEAD_DIM)
        w.normal(f"{prefix}.attention.dense.weight", HIDDEN, size)
        w.normal(f"{prefix}.mlp.gate.weight", EXPERTS, HIDDEN)
        w.normal(f"{prefix}.mlp.gate.expert_bias", EXPERTS, scale=0.5)
        w.gated(f"{prefix}.mlp.shared_experts", INTERMEDIATE)
        for expert in range(EXPERTS):
            w.gated(f"{prefix}.mlp.experts.{expert}", INTERMEDIATE)
    w.norm("model.norm.weight")
    w.normal("lm_head.weight", VOCAB, HIDDEN)
    return common("BailingMoeV2ForCausalLM", "bailing_moe", dtype) | {
        "auto_map": {"AutoConfig": "configuration_bailing.BailingConfig"},
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
        "moe_router_enable_expert_bias": True,
        "router_dtype": "fp32",
        "use_qk_norm": True,
        "partial_rotary_factor": 0.5,
        "hidden_act": "silu",
    }


GROK_SLICES = 8

_OWN_CONFIG = """from transformers import PretrainedConfig


class {name}(PretrainedConfig):
    model_type = "{model_type}"
"""
_OUTER_CONFIG = """
    def __init__(self, text_config=None, **fields):
        self.text_config = PretrainedConfig(**(text_config or {}))
        super().__init__(**fields)
"""

MODELS = {
    "qwen3_moe": qwen3_moe,
    "qwen3_moe_fp8": qwen3_moe_fp8,
    "qwen3_omni": qwen3_omni,
    "qwen2_moe": qwen2_moe,
    "grok": grok,
    "ling": ling,
    **newer.MODELS,
    **hybrids.MODELS,
}


def _sliced(name: str, tensor: np.ndarray, part: int) -> np.ndarray:
    """One of the eight tensor-parallel slices in which Grok's experts are published."""
    axis = 1 if ".w2." in name else 0
    return np.ascontiguousarray(np.split(tensor, GROK_SLICES, axis=axis)[part])


def write_checkpoint(folder: Path, model: str, dtype: str, seed: int) -> Path:
    """Writes `config.json` and safetensors of a tiny `model` (a key of MODELS); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    w = Weights(seed, dtype)
    config = MODELS[model](w, dtype)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    if "auto_map" in config:
        module, name = config["auto_map"]["AutoConfig"].split(".")
        own = _OWN_CONFIG.format(name=name, model_type=config["model_type"])
        own += _OUTER_CONFIG if "text_config" in config else ""
        (folder / f"{module}.py").write_text(own)
    if model == "grok":
        experts = {n: t for n, t in w.tensors.items() if ".block_sparse_moe.experts." in n}
        others = {n: t for n, t in w.tensors.items() if n not in experts}
        for part in range(GROK_SLICES):
            tensors = {name: _sliced(name, tensor, part) for name, tensor in experts.items()}
            if part == 0:
                tensors |= others
            save_file(tensors, folder / f"pytorch_model-{part:05d}-TP-{part:03d}.safetensors")
    else:
        save_file(w.tensors, folder / "model.safetensors")
    return folder
