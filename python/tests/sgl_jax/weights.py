"""What the tiny checkpoints have in common: their sizes, random tensors, the usual fields of a config."""

import ml_dtypes
import numpy as np

EXPERTS = 8
TOP_K = 2
HIDDEN = 256
INTERMEDIATE = 256
LAYERS = 2
HEADS = 4
HEAD_DIM = 128
VOCAB = 512


class Weights:
    """Draws tensors in (out, in) order as published checkpoints hold them."""

    def __init__(self, seed: int, dtype: str):
        self.random = np.random.default_rng(seed)
        self.dtype = {"bfloat16": ml_dtypes.bfloat16, "float32": np.float32}[dtype]
        self.tensors: dict[str, np.ndarray] = {}

    def normal(self, name: str, *shape: int, scale: float | None = None) -> None:
        """N(0, scale²); by default scale keeps the variance of a unit input."""
        scale = shape[-1] ** -0.5 if scale is None else scale
        self.tensors[name] = (self.random.standard_normal(shape) * scale).astype(self.dtype)

    def norm(self, name: str, size: int = HIDDEN) -> None:
        self.tensors[name] = (1 + 0.1 * self.random.standard_normal(size)).astype(self.dtype)

    def gated(self, prefix: str, size: int, names=("gate_proj", "up_proj", "down_proj")) -> None:
        """One gated feed-forward: gate and up (size, D), down (D, size)."""
        gate, up, down = names
        self.normal(f"{prefix}.{gate}.weight", size, HIDDEN)
        self.normal(f"{prefix}.{up}.weight", size, HIDDEN)
        self.normal(f"{prefix}.{down}.weight", HIDDEN, size)


def common(architecture: str, model_type: str, dtype: str) -> dict:
    return {
        "architectures": [architecture],
        "model_type": model_type,
        "torch_dtype": dtype,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": HEAD_DIM,
        "vocab_size": VOCAB,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000,
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def attention(w: Weights, prefix: str, bias: bool = False) -> None:
    size = HEADS * HEAD_DIM
    for name in ("q_proj", "k_proj", "v_proj"):
        w.normal(f"{prefix}.{name}.weight", size, HIDDEN)
        if bias:
            w.normal(f"{prefix}.{name}.bias", size, scale=0.1)
    w.normal(f"{prefix}.o_proj.weight", HIDDEN, size)
