"""How wrong a result is, and where."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..package import model
from . import oracle
from .rounding import Expected

# What float32 arithmetic may cost a reference that rounds nothing else.
FLOAT32_BOUND = 1e-5
# Of a row's size, what a few float32 additions of it may cost: where every product is exact, or an
# activation is at its bound, nothing else is expected to.
FLOAT32_ROW = 2.0**-21


def relative_error(result: Any, reference: Any) -> float:
    """Relative Frobenius error in float64; infinite when the result has a NaN."""
    result = np.asarray(result, np.float64)
    reference = np.asarray(reference, np.float64)
    if not np.isfinite(result).all():
        return float("inf")
    scale = float(np.linalg.norm(reference))
    error = float(np.linalg.norm(result - reference))
    return error / scale if scale > 0 else error


@dataclasses.dataclass(frozen=True)
class Found:
    """The error of a call beside what is expected of it, relative to the reference's norm."""

    error: float
    expected: float
    limit: float
    # Shares of the limit: of all rows together, and of the row nearest to its own.
    all_rows: float
    one_row: float
    row: int

    @property
    def of_limit(self) -> float:
        """The nearest to a limit: above 1 the result is wrong."""
        return max(self.all_rows, self.one_row)

    def reported(self) -> dict[str, float]:
        """Figures under the answer's names."""
        figures = {"expected": self.expected, "limit": self.limit}
        return {"error": self.error, **figures, "ofLimit": self.of_limit}


def against(result: Any, reference: Any, allowed: Expected) -> Found:
    """(T, D) against (T, D): what is not a number must be so in both."""
    result, reference = np.asarray(result, np.float64), np.asarray(reference, np.float64)
    there = np.isfinite(reference)
    same = np.where(there, np.isfinite(result), np.isfinite(result) == there)
    difference = np.where(
        there & same, np.where(there, result, 0.0) - np.where(there, reference, 0.0), 0.0
    )
    rows = np.where(same.all(axis=-1), np.linalg.norm(difference, axis=-1), np.inf)
    sizes = np.linalg.norm(np.where(there, reference, 0.0), axis=-1)
    limits = np.maximum(allowed.row_limits, FLOAT32_ROW * sizes)
    # Where nothing may be off, nothing is.
    shares = np.divide(rows, limits, out=np.where(rows > 0, np.inf, 0.0), where=limits > 0)
    size = float(np.linalg.norm(np.where(there, reference, 0.0))) or 1.0
    whole = float(np.linalg.norm(rows))
    limit = allowed.limit
    return Found(
        error=whole / size,
        expected=allowed.size / size,
        limit=limit / size,
        all_rows=whole / limit if limit > 0 else float(shares.max(initial=0.0)),
        one_row=float(shares.max(initial=0.0)),
        row=int(np.argmax(shares)),
    )


def row_errors(result: Any, reference: Any) -> np.ndarray:
    """(T,) error of each token, relative to the mean size of a token's result."""
    difference = np.asarray(result, np.float64) - np.asarray(reference, np.float64)
    rows = np.linalg.norm(np.where(np.isfinite(difference), difference, np.inf), axis=-1)
    size = np.linalg.norm(np.asarray(reference, np.float64), axis=-1).mean()
    return rows / size if size > 0 else rows


def blame(contributions: np.ndarray, error: np.ndarray) -> int:
    """Which of k contributions (k, D) a token's error (D,) looks most like.

    A lost, doubled or wrongly weighted contribution leaves an error along itself; a corrupted one
    an error at least correlated with it.
    """
    norms = np.linalg.norm(contributions, axis=-1)
    along = np.abs(contributions @ np.nan_to_num(error)) / np.where(norms > 0, norms, 1.0)
    return int(np.argmax(along))


def worst(
    layer: model.Layer,
    weights: model.Weights,
    tokens: Any,
    shares: Any,
    ids: Any,
    out: Any,
    ref: Any,
) -> dict[str, Any]:
    """The token with the largest error and the expert it points to; None: no routed expert.

    tokens (T, D), shares (routing weights) and ids (T, k), out and ref (T, D).
    """
    rows = row_errors(out, ref)
    token = int(np.argmax(rows))
    error = np.asarray(out[token], np.float64) - np.asarray(ref[token], np.float64)
    finite = bool(np.isfinite(error).all())
    ids_of_token = [int(e) for e in np.asarray(ids)[token]]
    expert = None
    if finite:
        row = tokens[token], weights, np.asarray(shares)[token], ids_of_token
        parts = oracle.contributions(layer, *row)
        shared = oracle.shared(layer, tokens[token], weights)
        blamed = blame(np.concatenate([parts, shared[None]]), error)
        expert = ids_of_token[blamed] if blamed < len(ids_of_token) else None
    return {
        "token": token,
        "error": float(rows[token]),
        "expert": expert,
        "experts": ids_of_token,
        "nanTokens": int((~np.isfinite(np.asarray(out, np.float64)).all(axis=-1)).sum()),
        "wrongTokens": int((rows > 0.1).sum()),
    }
