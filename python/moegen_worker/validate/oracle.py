"""The layer in float64 numpy, written token by token as in a paper.

It shares no code with the generated reference, so that a mistake in one shows against the other.
`layer` is the plan's dictionary: `topK`, `activation` and `routing` with `where`, `scoring`,
`renormalize`, `renormEpsilon` (added, or a dictionary: `atLeast`), `scalingFactor`, `logitSoftCap`,
`scoreChosen`, `scoreNear`, `groups`, `correctionBias`; and `sharedExperts` with `intermediate`
and perhaps an `activation`; `quantization` with the
type of quantised `activations`; `scoreOn` "input": a weight multiplies what its expert takes;
`identityExperts`: so many ids behind the experts' give the token itself, times its weight
(LongCat-Flash, arXiv:2509.01322, equation 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..package import quantization
from ..package.model import Layer, Weights, identity_experts

Array = NDArray[np.float64]


def activate(activation: Any, gate: Array | None, up: Array) -> Array:
    """Gate and up projections (F,) to what the down projection takes.

    silu and gelu (tanh form, gelu_erf: the exact one) of gate, times up. With clamps, GPT-OSS's
    swigluoai among them: gate at most the limit, up within it on both sides; silu_clamped (Step-3.7)
    limits gate after silu. relu2 (Nemotron-3) is of up alone. situ (Kimi-K3): gate and up capped by tanh, the sigmoid is of gate itself.

    Raises:
        ValueError: there is no such activation.
    """
    name = activation if isinstance(activation, str) else activation["kind"]
    if name == "relu2":
        return np.where(up < 0.0, 0.0, up) ** 2
    assert gate is not None
    if name == "situ":
        beta, linear = activation["beta"], activation.get("linearBeta")
        capped = up if linear is None else linear * np.tanh(up / linear)
        return beta * np.tanh(gate / beta) / (1.0 + np.exp(-gate)) * capped
    if name == "silu_clamped":
        limit = activation["limit"]
        return np.minimum(gate / (1.0 + np.exp(-gate)), limit) * np.clip(up, -limit, limit)
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


# Smaller scores are nought in float32, as TPUs and XLA have it.
SMALLEST_SCORE = float(np.finfo(np.float32).tiny)


def score(scoring: str, logits: Array) -> Array:
    """Logits to scores: softmax over all that are given, sigmoid or the root of softplus of each, or
    as they are."""
    if scoring == "none":
        return logits
    if scoring == "softmax":
        exponentials = np.exp(logits - logits.max())
        scores = exponentials / exponentials.sum()
    elif scoring == "sqrt_softplus":
        softplus = np.logaddexp(0.0, logits)
        return np.sqrt(np.where(softplus < SMALLEST_SCORE, 0.0, softplus))
    else:
        scores = 1.0 / (1.0 + np.exp(-logits))
    return np.where(scores < SMALLEST_SCORE, 0.0, scores)


def best(values: Any, count: int) -> NDArray[np.int64]:
    """Indices of the largest values, NaN before all; of equals the lowest index first."""
    values = np.asarray(values)
    nan = np.isnan(values)
    return np.lexsort((np.where(nan, 0.0, -values), ~nan))[:count]


def within_groups(groups: dict[str, Any], candidates: Array) -> Array:
    """-inf for every expert that is not in one of the best groups of neighbours."""
    members = np.split(np.arange(len(candidates)), groups["count"])
    depth = 1 if groups["score"] == "max" else 2
    scores = [np.sort(candidates[group])[-depth:].sum() for group in members]
    kept = np.concatenate([members[group] for group in best(scores, groups["kept"])])
    return np.where(np.isin(np.arange(len(candidates)), kept), candidates, -np.inf)


def among_near(limit: float, logits: Array, chosen: NDArray[np.int64]) -> Array:
    """Each chosen logit's probability once those chosen before it, and those that are `limit` of the
    larger magnitude below it or more, are left out (arXiv:2409.12136, sparsemixer)."""
    weights = []
    rest = list(range(len(logits)))
    for expert in chosen:
        highest = logits[expert]
        kept = [e for e in rest if not (highest - logits[e]) / max(abs(logits[e]), highest) > limit]
        probabilities = np.exp(logits[kept] - highest)
        weights.append(probabilities[kept.index(expert)] / probabilities.sum())
        rest.remove(expert)
    return np.asarray(weights)


def divisor(routing: dict[str, Any], total: Any) -> Any:
    """What a token's weights are divided by, from their sum; a NaN stays one."""
    epsilon = routing.get("renormEpsilon", 0.0)
    if isinstance(epsilon, dict):
        return np.maximum(total, epsilon["atLeast"])
    return total + epsilon


@np.errstate(all="ignore")
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
        near = routing.get("scoreNear")
        scores = row if chosen_first or near is not None else score(scoring, row)
        candidates = scores if bias is None else scores + np.asarray(bias, np.float64)
        if routing.get("groups"):
            candidates = within_groups(routing["groups"], candidates)
        chosen = best(candidates, k)
        weight = score(scoring, scores[chosen]) if chosen_first else scores[chosen]
        if near is not None:
            weight = among_near(near, row, chosen)
        if routing.get("renormalize", True):
            weight = weight / divisor(routing, weight.sum())
        weights.append(weight * routing.get("scalingFactor", 1.0))
        ids.append(chosen)
    return np.asarray(weights), np.asarray(ids)


def feed_forward(
    activation: Any, x: Any, gate: Any, up: Any, down: Any, activations: str | None = None
) -> Array:
    """x (D,), gate and up (D, F), down (F, D), each with its bias or None: (D,). No gate: None.

    `activations`: the type that the activated row is quantised to.
    """

    def project(row: Array, matrix: Any, bias: Any) -> Array:
        product = row @ np.asarray(matrix, np.float64)
        return product if bias is None else product + np.asarray(bias, np.float64)

    row = np.asarray(x, np.float64)
    gated = None if gate is None else project(row, *gate)
    hidden = activate(activation, gated, project(row, *up))
    return project(quantization.round_row(hidden, activations), *down)


def expert(layer: Layer, x: Any, weights: Weights, e: int, share: float = 1.0) -> Array:
    """Expert `e` on one token: x (D,) to (D,); `share` multiplies what it takes."""
    b1, b2 = weights.b1, weights.b2
    w1, w2 = weights.plain("w1", e), weights.plain("w2", e)
    gate = (w1[0], None if b1 is None else b1[e, 0]) if len(w1) == 2 else None
    up = w1[-1], None if b1 is None else b1[e, 1]
    down = w2, None if b2 is None else b2[e]
    row = share * quantization.round_row(x, quantization.token_rows(layer))
    return feed_forward(layer["activation"], row, gate, up, down, quantization.activations(layer))


def contributions(layer: Layer, x: Any, weights: Weights, shares: Any, ids: Any) -> Array:
    """What each of a token's k experts adds: x (D,), shares and ids (k,) to (k, D). An id out of
    range is a padded token's: nothing, whatever its share."""

    def part(share: float, e: int) -> Array:
        if len(weights.w2) <= e < len(weights.w2) + identity_experts(layer):
            return share * np.asarray(x, np.float64)
        if not 0 <= e < len(weights.w2):
            return np.zeros(len(x))
        if layer.get("scoreOn") == "input":
            return expert(layer, x, weights, e, share)
        return share * expert(layer, x, weights, e)

    return np.stack([part(float(share), int(e)) for share, e in zip(shares, ids, strict=True)])


def shared_activation(layer: Layer) -> Any:
    """That of the shared experts: their own, or the routed experts'."""
    return layer["sharedExperts"].get("activation", layer["activation"])


def shared(layer: Layer, x: Any, weights: Weights) -> Array:
    """What the shared experts add to a token, one after the other: x (D,) to (D,)."""
    result = np.zeros(len(x))
    if layer.get("sharedExperts") is None:
        return result
    size = int(layer["sharedExperts"]["intermediate"])
    activation = shared_activation(layer)
    x = quantization.round_row(x, quantization.token_rows(layer))
    w1, w2, w3 = (weights.plain(name) for name in ("shared_w1", "shared_w2", "shared_w3"))
    for first in range(0, w2.shape[0], size):
        columns = slice(first, first + size)
        gate, up, down = (w1[:, columns], None), (w3[:, columns], None), (w2[columns], None)
        result += feed_forward(activation, x, gate, up, down)
    if weights.shared_gate is None:
        return result
    logit = np.asarray(x, np.float64) @ np.asarray(weights.shared_gate, np.float64)
    return result / (1.0 + np.exp(-logit))


def moe(layer: Layer, tokens: Any, weights: Weights, shares: Any, ids: Any) -> Array:
    """The layer: tokens (T, D), routing weights `shares` and ids (T, k) to (T, D)."""
    rows = []
    for x, share, chosen in zip(np.asarray(tokens), shares, ids, strict=True):
        parts = contributions(layer, x, weights, share, chosen)
        rows.append(parts.sum(axis=0) + shared(layer, x, weights))
    return np.stack(rows)
