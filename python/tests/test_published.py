"""The oracle against the published semantics of each model family, written as its code has them.

One token through a layer of few experts. `layer` is what the family's config gives; the TypeScript
tests of `src/model` hold that side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moegen_worker.package import model
from moegen_worker.validate import oracle

E, D, F, K = 8, 6, 5, 3
RNG = np.random.default_rng(7)
X = RNG.standard_normal(D)
LOGITS = RNG.standard_normal(E)
BIAS = RNG.standard_normal(E) * 0.3
W1, W2 = RNG.standard_normal((E, 2, D, F)), RNG.standard_normal((E, F, D))
B1, B2 = RNG.standard_normal((E, 2, F)), RNG.standard_normal((E, D))
S1, S2, S3 = (RNG.standard_normal(shape) for shape in ((D, 8), (8, D), (D, 8)))
GATE = RNG.standard_normal(D)
# Of identity experts, behind the experts': two are chosen, one by its bias.
IDENTITY = 3
IDENTITY_LOGITS = np.append(LOGITS, [LOGITS.max() + 0.3, -0.2, LOGITS.max() - 0.1])
IDENTITY_BIAS = np.append(BIAS, [0.0, 0.0, 0.4])


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def mlp(gate: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    return (silu(X @ gate) * (X @ up)) @ down


def expert(e: int) -> np.ndarray:
    return mlp(W1[e, 0], W1[e, 1], W2[e])


def qwen(renormalize: bool, shared: bool) -> np.ndarray:
    """transformers, models/qwen2_moe (a gated shared expert) and models/qwen3_moe."""
    weights = softmax(LOGITS)
    selected = np.argsort(-weights)[:K]
    weights = weights[selected]
    if renormalize:
        weights = weights / weights.sum()
    result = sum(w * expert(e) for w, e in zip(weights, selected, strict=True))
    return result + sigmoid(X @ GATE) * mlp(S1, S3, S2) if shared else result


def mixtral() -> np.ndarray:
    """arXiv:2401.04088, section 2.1: a softmax over the top-k logits."""
    selected = np.argsort(-LOGITS)[:K]
    weights = softmax(LOGITS[selected])
    return sum(w * expert(e) for w, e in zip(weights, selected, strict=True))


def phimoe() -> np.ndarray:
    """transformers, models/phimoe (sparsemixer): the best, then the best without it, each weighed by
    a softmax whose logits are masked where they are further off than 2 x jitter."""
    scores, result = LOGITS.copy(), np.zeros(D)
    for _ in range(K):
        threshold = scores.max()
        factor = np.maximum(np.abs(LOGITS), threshold)
        gates = np.where((threshold - LOGITS) / factor > 2 * 0.25, -np.inf, scores)
        selected = scores.argmax()
        result += softmax(gates)[selected] * expert(selected)
        scores[selected] = -np.inf
    return result


def longcat() -> np.ndarray:
    """transformers, models/longcat_flash: a softmax over experts and identity experts, a bias that
    picks alone, scaled; from E on the row itself."""
    probabilities = softmax(IDENTITY_LOGITS)
    result = np.zeros(D)
    for e in np.argsort(-(probabilities + IDENTITY_BIAS), kind="stable")[:K]:
        result += 6.0 * probabilities[e] * (X if e >= E else expert(e))
    return result


def grok() -> np.ndarray:
    """sgl-jax, models/grok.py: capped logits, softmax over all, gelu (tanh form)."""
    probabilities = softmax(30 * np.tanh(LOGITS / 30))
    selected = np.argsort(-probabilities)[:K]
    result = np.zeros(D)
    for e in selected:
        gate = X @ W1[e, 0]
        gelu = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        result += probabilities[e] * ((gelu * (X @ W1[e, 1])) @ W2[e])
    return result


def llama4() -> np.ndarray:
    """transformers, models/llama4 (Llama4Router, Llama4TextMoe): the sigmoid of each chosen logit
    times the expert's input, results added as they are, a shared expert beside."""
    selected = np.argsort(-LOGITS)[:K]
    result = mlp(S1, S3, S2)
    for e in selected:
        row = X * sigmoid(LOGITS[e])
        result = result + (silu(row @ W1[e, 0]) * (row @ W1[e, 1])) @ W2[e]
    return result


def nemotron() -> np.ndarray:
    """transformers, models/nemotron_h (NemotronHTopkRouter, NemotronHExperts): up, relu squared and
    down, weights of the choice by a biased score divided by their sum and scaled."""
    scores = sigmoid(LOGITS)
    selected = np.argsort(-(scores + BIAS))[:K]
    weights = scores[selected] / (scores[selected].sum() + 1e-20) * 2.5
    result = np.zeros(D)
    for w, e in zip(weights, selected, strict=True):
        result += w * (np.square(np.maximum(X @ W1[e, 1], 0.0)) @ W2[e])
    return result


def gpt_oss() -> np.ndarray:
    """openai/gpt-oss, gpt_oss/torch/model.py: gate and up columns interleaved, as published."""
    selected = np.argsort(-LOGITS)[:K]
    weights = softmax(LOGITS[selected])
    result = np.zeros(D)
    for w, e in zip(weights, selected, strict=True):
        matrix, bias = np.empty((D, 2 * F)), np.empty(2 * F)
        matrix[:, ::2], matrix[:, 1::2] = W1[e, 0], W1[e, 1]
        bias[::2], bias[1::2] = B1[e, 0], B1[e, 1]
        both = X @ matrix + bias
        glu, linear = both[::2], both[1::2]
        glu, linear = np.minimum(glu, 7.0), np.clip(linear, -7.0, 7.0)
        out = glu * sigmoid(1.702 * glu) * (linear + 1)
        result += w * (out @ W2[e] + B2[e])
    return result


def deepseek() -> np.ndarray:
    """deepseek-ai/DeepSeek-V3, inference/model.py: Gate with a bias and limited groups, and MoE.

    Ling (inclusionAI/Ling-V2, models/modeling_bailing_moe_v2.py) has the same.
    """
    original = sigmoid(LOGITS)
    scores = (original + BIAS).reshape(4, E // 4)
    group_scores = np.sort(scores, axis=-1)[:, -2:].sum(axis=-1)
    mask = np.full(4, True)
    mask[np.argsort(-group_scores)[:2]] = False
    flat = np.where(mask[:, None], -np.inf, scores).reshape(E)
    selected = np.argsort(-flat)[:K]
    weights = original[selected]
    weights = weights / weights.sum() * 2.5
    routed = sum(w * expert(e) for w, e in zip(weights, selected, strict=True))
    return routed + mlp(S1, S3, S2)


def deepseek_v4() -> np.ndarray:
    """transformers, models/deepseek_v4: DeepseekV4TopKRouter, DeepseekV4Experts."""
    scores = np.sqrt(np.log1p(np.exp(LOGITS)))
    selected = np.argsort(-(scores + BIAS))[:K]
    weights = scores[selected] / (scores[selected].sum() + 1e-20) * 1.5
    result = np.zeros(D)
    for w, e in zip(weights, selected, strict=True):
        gate = np.minimum(X @ W1[e, 0], 0.5)
        result += w * ((silu(gate) * np.clip(X @ W1[e, 1], -0.5, 0.5)) @ W2[e])
    return result


def hy4() -> np.ndarray:
    """transformers, models/hy_v4 (HYV4Experts, HYV4MLP): gate and up of the routed experts clamped,
    those of the shared one not."""
    scores = sigmoid(LOGITS)
    selected = np.argsort(-(scores + BIAS))[:K]
    weights = scores[selected] / scores[selected].sum()
    result = mlp(S1, S3, S2)
    for w, e in zip(weights, selected, strict=True):
        gate = np.minimum(X @ W1[e, 0], 0.5)
        up = np.clip(X @ W1[e, 1], -0.5, 0.5)
        result = result + w * ((silu(gate) * up) @ W2[e])
    return result


def kimi_k3() -> np.ndarray:
    """sglang, layers/activation.py (SituAndMul) and models/kimi_k3.py, of the latent rows."""
    original = sigmoid(LOGITS)
    selected = np.argsort(-(original + BIAS))[:K]
    weights = original[selected] / original[selected].sum()
    result = np.zeros(D)
    for w, e in zip(weights, selected, strict=True):
        gate, up = X @ W1[e, 0], X @ W1[e, 1]
        gate = 4 * np.tanh(gate / 4) * sigmoid(gate)
        result += w * ((gate * (25 * np.tanh(up / 25))) @ W2[e])
    return result


def step() -> np.ndarray:
    """transformers, models/step3p7 (Step3p7Experts) of a layer with a limit."""
    original = sigmoid(LOGITS)
    selected = np.argsort(-(original + BIAS))[:K]
    weights = original[selected] / original[selected].sum() * 3
    result = np.zeros(D)
    for w, e in zip(weights, selected, strict=True):
        gate = np.minimum(silu(X @ W1[e, 0]), 0.3)
        result += w * ((gate * np.clip(X @ W1[e, 1], -0.3, 0.3)) @ W2[e])
    return result


KERNEL = {"where": "kernel", "scoring": "softmax", "renormalize": True, "scalingFactor": 1}
PLAIN = {"topK": K, "activation": "silu", "routing": KERNEL}
SHARED = {"count": 2, "intermediate": 4}
GROUPS = {"count": 4, "kept": 2, "score": "sum_of_top_2"}
FAMILIES = {
    "Qwen3-MoE": (PLAIN, qwen(renormalize=True, shared=False)),
    "Qwen2-MoE": (
        {
            **PLAIN,
            "routing": {**KERNEL, "renormalize": False},
            "sharedExperts": {**SHARED, "gate": "sigmoid"},
        },
        qwen(renormalize=False, shared=True),
    ),
    "Mixtral": (PLAIN, mixtral()),
    "Grok": (
        {
            **PLAIN,
            "activation": "gelu",
            "routing": {**KERNEL, "renormalize": False, "logitSoftCap": 30},
        },
        grok(),
    ),
    "GPT-OSS": (
        {
            **PLAIN,
            "activation": {"kind": "swigluoai", "alpha": 1.702, "limit": 7},
            "biases": True,
            "routing": {**KERNEL, "renormalize": False, "scoreChosen": True},
        },
        gpt_oss(),
    ),
    "DeepSeek-V3 and Ling": (
        {
            **PLAIN,
            "routing": {
                **KERNEL,
                "scoring": "sigmoid",
                "scalingFactor": 2.5,
                "groups": GROUPS,
                "correctionBias": True,
            },
            "sharedExperts": SHARED,
        },
        deepseek(),
    ),
    "Nemotron-3": (
        {
            **PLAIN,
            "activation": "relu2",
            "routing": {
                **KERNEL,
                "scoring": "sigmoid",
                "scalingFactor": 2.5,
                "correctionBias": True,
            },
        },
        nemotron(),
    ),
    "Phi-3.5-MoE": (
        {**PLAIN, "routing": {**KERNEL, "renormalize": False, "scoreNear": 0.5}},
        phimoe(),
    ),
    "LongCat-Flash": (
        {
            **PLAIN,
            "identityExperts": IDENTITY,
            "routing": {
                **KERNEL,
                "renormalize": False,
                "scalingFactor": 6.0,
                "correctionBias": True,
            },
        },
        longcat(),
    ),
    "Llama-4": (
        {
            **PLAIN,
            "scoreOn": "input",
            "sharedExperts": {"count": 1, "intermediate": 8},
            "routing": {
                **KERNEL,
                "scoring": "sigmoid",
                "renormalize": False,
                "scoreChosen": True,
            },
        },
        llama4(),
    ),
    "DeepSeek-V4": (
        {
            **PLAIN,
            "activation": {"kind": "clamped_swiglu", "limit": 0.5},
            "routing": {
                **KERNEL,
                "scoring": "sqrt_softplus",
                "scalingFactor": 1.5,
                "correctionBias": True,
            },
        },
        deepseek_v4(),
    ),
    "Hy4": (
        {
            **PLAIN,
            "activation": {"kind": "clamped_swiglu", "limit": 0.5},
            "sharedExperts": {"count": 1, "intermediate": 8, "activation": "silu"},
            "routing": {**KERNEL, "scoring": "sigmoid", "correctionBias": True},
        },
        hy4(),
    ),
    "Kimi-K3": (
        {
            **PLAIN,
            "activation": {"kind": "situ", "beta": 4, "linearBeta": 25},
            "routing": {**KERNEL, "scoring": "sigmoid", "correctionBias": True},
        },
        kimi_k3(),
    ),
    "Step-3.7": (
        {
            **PLAIN,
            "activation": {"kind": "silu_clamped", "limit": 0.3},
            "routing": {
                **KERNEL,
                "scoring": "sigmoid",
                "scalingFactor": 3,
                "correctionBias": True,
            },
        },
        step(),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str) -> None:
    layer, wanted = FAMILIES[family]
    weights = model.Weights(W1[:, 2 - model.projections(layer) :], W2)
    if layer.get("biases"):
        weights = model.Weights(W1, W2, B1, B2)
    if layer.get("sharedExperts"):
        gate = GATE if layer["sharedExperts"].get("gate") else None
        weights = model.Weights(W1, W2, shared_w1=S1, shared_w2=S2, shared_w3=S3, shared_gate=gate)
    identity = "identityExperts" in layer
    logits, bias = (IDENTITY_LOGITS, IDENTITY_BIAS) if identity else (LOGITS, BIAS)
    biased = layer["routing"].get("correctionBias")
    shares, ids = oracle.route(layer, logits[None], bias if biased else None)
    assert (ids >= E).any() == identity and (ids < E).any()
    found = oracle.moe(layer, X[None], weights, shares, ids)[0]
    assert found == pytest.approx(wanted, rel=1e-12)
