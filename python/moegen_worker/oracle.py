"""The layer in float64 numpy, written token by token as in a paper.

It shares no code with the generated reference, so that a mistake in one shows against the other.
`layer` is the plan's dictionary: `topK`, `activation` and `routing` with `where`, `scoring`,
`renormalize`, `scalingFactor`, `logitSoftCap`, `scoreChosen`, `groups`, `correctionBias`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Layer = dict[str, Any]


def activate(activation: Any, gate: Array, up: Array) -> Array:
    """Gate and up projections (F,) to what the down projection takes.

    silu and gelu (tanh form, gelu_erf: the exact one) of gate, times up. With clamps, GPT-OSS's
    swigluoai among them: gate at most the limit, up within it on both sides.
    """
    name = activation if isinstance(activation, str) else activation["kind"]
    if not isinstance(activation, str):
        gate = np.minimum(gate, activation["limit"])
        up = np.clip(up, -activation["limit"], activation["limit"])
    if name in ("silu", "clamped_swiglu"):
        return gate / (1.0 + np.exp(-gate)) * up
    if name == "swigluoai":
        return gate / (1.0 + np.exp(-activation["alpha"] * gate)) * (up + 1.0)
    if name == "gelu":
        inner = math.sqrt(2.0 / math.pi) * (gate + 0.044715 * gate**3)
        return 0.5 * gate * (1.0 + np.tanh(inner)) * up
    if name == "gelu_erf":
        return 0.5 * gate * (1.0 + np.vectorize(math.erf)(gate / math.sqrt(2.0))) * up
    raise ValueError(f"unknown activation {name!r}")


def score(scoring: str, logits: Array) -> Array:
    """Logits to scores: softmax over all that are given, sigmoid of each, or as they are."""
    if scoring == "softmax":
        exponentials = np.exp(logits - logits.max())
        return exponentials / exponentials.sum()
    return 1.0 / (1.0 + np.exp(-logits)) if scoring == "sigmoid" else logits


def best(values: Any, count: int) -> NDArray[np.int64]:
    """Indices of the largest values; of equals the lowest index first."""
    return np.argsort(-np.asarray(values), kind="stable")[:count]


def within_groups(groups: dict[str, Any], candidates: Array) -> Array:
    """-inf for every expert that is not in one of the best groups of neighbours."""
    members = np.split(np.arange(len(candidates)), groups["count"])
    depth = 1 if groups["score"] == "max" else 2
    scores = [np.sort(candidates[group])[-depth:].sum() for group in members]
    kept = np.concatenate([members[group] for group in best(scores, groups["kept"])])
    return np.where(np.isin(np.arange(len(candidates)), kept), candidates, -np.inf)


def route(layer: Layer, logits: Any, bias: Any = None) -> tuple[Array, NDArray[np.int64]]:
    """(T, E) logits to (T, k) weights and ids; `bias` (E,) takes part in the choice alone."""
    routing = layer["routing"]
    k = int(layer["topK"])
    scoring = routing.get("scoring", "softmax")
    weights, ids = [], []
    for row in np.asarray(logits, np.float64):
        cap = routing.get("logitSoftCap")
        if cap is not None:
            row = cap * np.tanh(row / cap)
        chosen_first = bool(routing.get("scoreChosen"))
        scores = row if chosen_first else score(scoring, row)
        candidates = scores if bias is None else scores + np.asarray(bias, np.float64)
        if routing.get("groups"):
            candidates = within_groups(routing["groups"], candidates)
        chosen = best(candidates, k)
        weight = score(scoring, scores[chosen]) if chosen_first else scores[chosen]
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
    return activate(layer["activation"], gate, up) @ np.asarray(w2, np.float64)


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
