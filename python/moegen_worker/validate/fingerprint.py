"""Weights that make a result say which experts were chosen, and with what weight.

Expert e answers only in column e, and there with the activation of 1 and the token's own scale,
so a result row's support is the set of ids the kernel chose on its real dispatch path, and its
values are the routing weights. Tokens differ in scale, so a swapped row shows too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..package import quantization
from ..package.model import Layer, identity_experts
from . import oracle


def scales(count: int) -> np.ndarray:
    """(T,) scale of each token: exact in bfloat16, in [1, 2)."""
    return 1.0 + (np.arange(count) % 128) / 128.0


def tokens(count: int, hidden: int, dtype: Any) -> np.ndarray:
    """(T, D): the last column but one drives the gate, the last carries the token's scale. No expert
    answers there: what does is an identity expert."""
    rows = np.zeros((count, hidden), np.float32)
    rows[:, -2] = 1.0
    rows[:, -1] = scales(count)
    return rows.astype(dtype)


def weights(
    experts: int, hidden: int, intermediate: int, dtype: Any, projections: int = 2
) -> tuple[Any, Any]:
    """w1 (E, 2, D, F), or (E, 1, D, F) without a gate, and w2 (E, F, D)."""
    w1 = np.zeros((experts, projections, hidden, intermediate), dtype)
    if projections == 2:
        w1[:, 0, -2, :] = 1.0
    w1[:, -1, -1, :] = 1.0
    w2 = np.zeros((experts, intermediate, hidden), dtype)
    for expert in range(experts):
        w2[expert, :, expert] = 1.0 / intermediate
    return w1, w2


def read(layer: Layer, result: Any, experts: int, down: Any) -> np.ndarray:
    """(T, E) routing weights that a (T, D) result shows; zero where an expert was not chosen. Where
    there are identity experts, (T, E + 1): last what those weigh together.

    `down` (F, D): the first expert's.
    """
    result = np.asarray(result, np.float64)
    shown = result[:, :experts] / _answers(layer, np.ones(len(result)), down)[:, None]
    return np.append(shown, result[:, -2:-1], axis=1) if identity_experts(layer) else shown


def _answers(layer: Layer, shares: Any, down: Any) -> np.ndarray:
    """(T,) what the first expert adds to each token whose row it takes `shares` (T,) times."""
    # As the dtype rounds it: 1/F is not exact in bfloat16 for every F.
    total = float(np.asarray(down[:, 0], np.float64).sum())
    # The two columns that are not zero, as quantised rows have them.
    kind = quantization.token_rows(layer)
    pairs = [quantization.round_row([1.0, up], kind) for up in scales(len(shares))]
    gate, up = np.array(pairs).reshape(-1, 2).T * shares
    return oracle.activate(layer["activation"], gate, up) * total


def shown(layer: Layer, weights: Any, down: Any) -> np.ndarray:
    """(T, k) routing weights as `read` shows them: where they multiply rows, by what comes of that.

    `down` (F, D): the first expert's.
    """
    weights = np.asarray(weights, np.float64)
    if layer.get("scoreOn") != "input":
        return weights
    unit = _answers(layer, np.ones(len(weights)), down)
    return np.stack([_answers(layer, column, down) / unit for column in weights.T], axis=-1)


def slack(layer: Layer, wanted: np.ndarray, roundings: int) -> np.ndarray:
    """(T, E) what each weight of `wanted` may be off by where sums that share a scale are quantised so
    many times on their way."""
    kind = quantization.partial_sums(layer)
    if kind is None:
        return np.zeros_like(wanted)
    # One of all devices' sums is no larger than all weights of the largest.
    step = np.abs(wanted).max(axis=-1, keepdims=True) / quantization.largest(np.dtype(kind))
    # Half a step, and what float32 sums differ by.
    return np.broadcast_to(0.51 * roundings * step, wanted.shape)


def compare(
    shown: np.ndarray, weights: Any, ids: Any, allowed: Any, off: np.ndarray | None = None
) -> dict[str, Any] | None:
    """What differs between shown (T, E) weights and the reference's (T, k) weights and ids.

    `allowed` (T, E): how much a weight may be off; `off` (T, E): a weight within it need not show.
    """
    off = np.zeros_like(shown) if off is None else off
    allowed = np.broadcast_to(allowed, shown.shape)
    weights, ids = np.asarray(weights, np.float64), np.asarray(ids)
    for token in range(shown.shape[0]):
        row = shown[token]
        if not np.isfinite(row).all():
            return {"token": token, "problem": "not a number"}
        got = sorted(int(e) for e in np.flatnonzero(row))
        # An id given twice, or a weight of zero, leaves one column or none.
        wanted: dict[int, float] = {}
        for expert, weight in zip(ids[token], weights[token], strict=True):
            wanted[int(expert)] = wanted.get(int(expert), 0.0) + float(weight)
        want = sorted(expert for expert, weight in wanted.items() if weight != 0.0)
        faint = {e for e in want if abs(wanted[e]) <= off[token, e] * 1.1}
        got, want = ([e for e in chosen if e not in faint] for chosen in (got, want))
        if got != want:
            return {"token": token, "problem": "ids", "got": got, "want": want}
        for expert in want:
            if abs(row[expert] - wanted[expert]) > allowed[token, expert]:
                return {
                    "token": token,
                    "problem": "weight",
                    "expert": expert,
                    "got": float(row[expert]),
                    "want": wanted[expert],
                }
    return None
