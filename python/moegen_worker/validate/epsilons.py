"""Logits of tokens whose weights add up to about a routing's epsilon: half of it, and twice.

Nowhere else does it show how large the epsilon is, and whether it is added to the sum or its least.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..package.model import Layer
from . import oracle

Array = np.ndarray

# Of the epsilon.
SUMS = (0.5, 2.0)
# Scores below are nought, or nearly.
LEAST_SCORE = 2.0**-120


def rows(layer: Layer, experts: int, bias: Array | None) -> list[Array]:
    """(E,) float32 logits for each of SUMS; those left out that no logits lead to: a softmax of all
    experts has a sum of a whole share at least, unless a `bias` (E,) takes part in the choice."""
    epsilon = layer["routing"].get("renormEpsilon")
    if epsilon is None:
        return []
    size = float(epsilon["atLeast"] if isinstance(epsilon, dict) else epsilon)
    found = [_of_sum(layer, experts, bias, factor * size) for factor in SUMS]
    return [row for row in found if row is not None]


def _of_sum(layer: Layer, experts: int, bias: Array | None, total: float) -> Array | None:
    score = total / int(layer["topK"])
    if not LEAST_SCORE <= score < 1.0:
        return None
    plain = {**layer["routing"], "renormalize": False, "scalingFactor": 1.0}
    for logits in _candidates(plain, experts, bias, score):
        row = _before_cap(plain.get("logitSoftCap"), logits)
        if row is None:
            continue
        weights, _ = oracle.route({**layer, "routing": plain}, [row], bias)
        if abs(weights.sum() / total - 1.0) < 0.01:
            return row
    return None


def _candidates(
    routing: dict[str, Any], experts: int, bias: Array | None, score: float
) -> Iterator[Array]:
    """Logits that may give each chosen expert a score."""
    scoring = routing.get("scoring", "softmax")
    if scoring == "none":
        yield np.full(experts, score)
    elif scoring == "sigmoid":
        yield np.full(experts, np.log(score / (1.0 - score)))
    elif scoring == "sqrt_softplus":
        # A softplus below the least float32 is nought: its root says how small a score can be.
        if score * score >= LEAST_SCORE:
            yield np.full(experts, np.log(np.expm1(score * score)))
    elif bias is not None:
        # The experts that the bias likes least share all the rest between them.
        order = np.argsort(bias)
        for heavy in range(1, experts):
            light = experts - heavy
            if score * light >= 1.0:
                continue
            row = np.full(experts, np.log(score * heavy / (1.0 - score * light)))
            row[order[:heavy]] = 0.0
            yield row


def _before_cap(cap: float | None, logits: Array) -> Array | None:
    """Logits that a cap turns into these."""
    if cap is None:
        return logits.astype(np.float32)
    if not (np.abs(logits) < cap).all():
        return None
    return (cap * np.arctanh(logits / cap)).astype(np.float32)
