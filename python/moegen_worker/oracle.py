"""The layer in float64 numpy, written token by token as in a paper.

It shares no code with the generated reference, so that a mistake in one shows against the other.
`layer` is the plan's dictionary: `topK`, `activation` and `routing` with `where`, `scoring`,
`renormalize`, `scalingFactor`, `logitSoftCap`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Layer = dict[str, Any]


def activate(name: str, x: Array) -> Array:
    """silu, or gelu in its tanh form (what the published kernels compute)."""
    if name == "silu":
        return x / (1.0 + np.exp(-x))
    if name == "gelu":
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1.0 + np.tanh(inner))
    raise ValueError(f"unknown activation {name!r}")


def route(layer: Layer, logits: Any) -> tuple[Array, NDArray[np.int64]]:
    """(T, E) logits to (T, k) weights and ids: scores, the k largest (ties: lowest id first)."""
    routing = layer["routing"]
    k = int(layer["topK"])
    weights, ids = [], []
    for row in np.asarray(logits, np.float64):
        cap = routing.get("logitSoftCap")
        if cap is not None:
            row = cap * np.tanh(row / cap)
        if routing.get("scoring", "softmax") == "softmax":
            scores = np.exp(row - row.max())
            scores = scores / scores.sum()
        else:
            scores = 1.0 / (1.0 + np.exp(-row))
        chosen = np.argsort(-scores, kind="stable")[:k]
        weight = scores[chosen]
        if routing.get("renormalize", True):
            weight = weight / weight.sum()
        weights.append(weight * routing.get("scalingFactor", 1.0))
        ids.append(chosen)
    return np.asarray(weights), np.asarray(ids)


def expert(layer: Layer, x: Any, w1: Any, w2: Any) -> Array:
    """One expert on one token: x (D,), w1 (2, D, F), w2 (F, D) to (D,)."""
    x = np.asarray(x, np.float64)
    gate = x @ np.asarray(w1[0], np.float64)
    up = x @ np.asarray(w1[1], np.float64)
    return (activate(layer["activation"], gate) * up) @ np.asarray(w2, np.float64)


def contributions(layer: Layer, x: Any, w1: Any, w2: Any, weights: Any, ids: Any) -> Array:
    """What each of a token's k experts adds: x (D,), weights (k,), ids (k,) to (k, D)."""
    return np.stack(
        [
            float(w) * expert(layer, x, w1[int(e)], w2[int(e)])
            for w, e in zip(weights, ids, strict=True)
        ]
    )


def moe(layer: Layer, tokens: Any, w1: Any, w2: Any, weights: Any, ids: Any) -> Array:
    """The layer: tokens (T, D), w1 (E, 2, D, F), w2 (E, F, D), weights and ids (T, k): (T, D)."""
    return np.stack(
        [
            contributions(layer, x, w1, w2, w, e).sum(axis=0)
            for x, w, e in zip(np.asarray(tokens), weights, ids, strict=True)
        ]
    )
