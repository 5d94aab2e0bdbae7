"""Logits, ids, weights and rows that one token should not have, and that must not touch another.

Kinds are named functions in tuples, so that a further one is one line; every second token has one,
the tokens between them are as they were. What the result must be is what the reference makes of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..package import model, quantization
from ..package.model import Layer

Array = np.ndarray
# (E,) logits, k and random numbers: changed in place.
LogitKind = Callable[[Array, int, np.random.Generator], None]
# (k,) ids, (k,) weights and E: changed in place.
IdKind = Callable[[Array, Array, int], None]

INT32 = np.iinfo(np.int32)
NEGATIVE_NAN = np.array(0xFFC00000, np.uint32).view(np.float32)
# Below what float32 can tell from nought after a sigmoid or a softmax.
UNDERFLOWS = np.float32(-110.0)


def some(rng: np.random.Generator, of: Array, count: int) -> Array:
    """Indices of `count` random elements, or of all."""
    return rng.permutation(len(of))[:count]


def all_nan(row: Array, k: int, rng: np.random.Generator) -> None:
    """No logit is a number."""
    row[:] = np.nan


def all_lowest(row: Array, k: int, rng: np.random.Generator) -> None:
    """All logits masked."""
    row[:] = -np.inf


def all_infinite(row: Array, k: int, rng: np.random.Generator) -> None:
    """All logits infinite: a softmax of them is not a number."""
    row[:] = np.inf


def one_infinite(row: Array, k: int, rng: np.random.Generator) -> None:
    """One logit above all numbers."""
    row[some(rng, row, 1)] = np.inf


def one_nan(row: Array, k: int, rng: np.random.Generator) -> None:
    """One logit that is no number."""
    row[some(rng, row, 1)] = np.nan


def few_finite(row: Array, k: int, rng: np.random.Generator) -> None:
    """One number fewer than a token chooses: the rest of its choice is masked."""
    row[some(rng, row, len(row) - k + 1)] = -np.inf


def one_finite(row: Array, k: int, rng: np.random.Generator) -> None:
    """All logits masked but one."""
    row[some(rng, row, len(row) - 1)] = -np.inf


def underflows(row: Array, k: int, rng: np.random.Generator) -> None:
    """Every sigmoid is nought, and so is their sum."""
    row[:] = UNDERFLOWS


def upper_half_masked(row: Array, k: int, rng: np.random.Generator) -> None:
    """The best group is one of masked experts, or has too few others."""
    row[len(row) // 2 :] = -np.inf


def many_nan(row: Array, k: int, rng: np.random.Generator) -> None:
    """More than a token chooses, of either sign, and infinities beside them."""
    row[some(rng, row, k + 3)] = np.inf
    row[some(rng, row, k + 1)] = np.nan
    row[some(rng, row, 2)] = NEGATIVE_NAN


def both_infinite(row: Array, k: int, rng: np.random.Generator) -> None:
    """Some logits masked, some infinite."""
    row[some(rng, row, 3)] = -np.inf
    row[some(rng, row, 2)] = np.inf


def noughts(row: Array, k: int, rng: np.random.Generator) -> None:
    """Of either sign: they are equal."""
    row[:] = 0.0
    row[some(rng, row, len(row) // 2)] = -0.0


LOGITS: tuple[LogitKind, ...] = (
    all_nan,
    all_lowest,
    one_infinite,
    few_finite,
    one_nan,
    underflows,
    many_nan,
    upper_half_masked,
    all_infinite,
    one_finite,
    both_infinite,
    noughts,
)


def is_hostile(count: int) -> Array:
    """(T,): tokens whose routing is hostile: the odd ones, or the only one."""
    return (np.arange(count) % 2 == 1) | (count == 1)


def logits(rng: np.random.Generator, made: Array, k: int) -> Array:
    """(T, E) logits with those of every second token spoilt, one kind after the other."""
    made = made.copy()
    for turn, token in enumerate(np.flatnonzero(is_hostile(len(made)))):
        LOGITS[turn % len(LOGITS)](made[token], k, rng)
    return made


def placed(logits: Array, further: list[Array]) -> Array:
    """(T, E) logits with `further` ones, (E,) each, in the place of hostile tokens': of those that
    repeat a kind, or the last; none where too few are hostile."""
    tokens = np.flatnonzero(is_hostile(len(logits)))
    if not further or len(tokens) < 2 * len(further):
        return logits
    repeated = tokens[len(LOGITS) :][: len(further)]
    logits = logits.copy()
    logits[repeated if len(repeated) == len(further) else tokens[-len(further) :]] = further
    return logits


def one_expert(ids: Array, weights: Array, experts: int) -> None:
    """The same expert in all k choices: all count."""
    ids[:] = ids[0]


def expert_twice(ids: Array, weights: Array, experts: int) -> None:
    """One expert is chosen twice."""
    ids[-1] = ids[0]


def padding(ids: Array, weights: Array, experts: int) -> None:
    """What callers pad tokens with."""
    ids[:], weights[:] = 0, 0.0


def largest_ids(ids: Array, weights: Array, experts: int) -> None:
    """Ids and weights as a buffer that nobody wrote may have."""
    ids[:], weights[:] = INT32.max, np.nan


def smallest_ids(ids: Array, weights: Array, experts: int) -> None:
    """Ids far below nought."""
    ids[:], weights[:] = INT32.min, np.inf


def just_outside(ids: Array, weights: Array, experts: int) -> None:
    """On both sides; their weights are nobody's."""
    ids[::2], ids[1::2], weights[:] = experts, -1, np.nan


def nan_weight(ids: Array, weights: Array, experts: int) -> None:
    """One weight is no number."""
    weights[-1] = np.nan


def infinite_weight(ids: Array, weights: Array, experts: int) -> None:
    """One weight is infinite."""
    weights[0] = np.inf


def twice_with_nan(ids: Array, weights: Array, experts: int) -> None:
    """One expert is chosen twice, one of its weights no number."""
    ids[-1], weights[-1] = ids[0], np.nan


def last_expert(ids: Array, weights: Array, experts: int) -> None:
    """The last expert only, as often as a token chooses."""
    ids[:] = experts - 1


IDS: tuple[IdKind, ...] = (
    one_expert,
    padding,
    expert_twice,
    largest_ids,
    nan_weight,
    smallest_ids,
    infinite_weight,
    just_outside,
    twice_with_nan,
    last_expert,
)


def given(weights: Any, ids: Any, experts: int, crowded: bool = False) -> tuple[Array, Array]:
    """(T, k) weights and ids with those of every second token spoilt; all choices of all other
    tokens are one expert where it is to be `crowded`."""
    weights, ids = np.array(weights), np.array(ids)
    spoilt = is_hostile(len(ids))
    if crowded:
        ids[~spoilt] = experts // 2
    for turn, token in enumerate(np.flatnonzero(spoilt)):
        IDS[turn % len(IDS)](ids[token], weights[token], experts)
    return weights, ids


# Bytes of a scale's exponent: the least, 2 ** -127, and no number.
LEAST, NO_NUMBER = 0, 255


def scales(weights: model.Weights) -> model.Weights:
    """The same model with scales that none should have, in exponents: of every second expert the
    least one in each place of a word; of the first a column of down that is no number, in the last
    block but one. The other experts' tokens are not lost."""
    w1, w2 = weights.w1_scale, weights.w2_scale
    assert w1 is not None and w2 is not None
    w1, w2 = w1.copy(), w2.copy()
    gate, down = w1.view(np.uint8), w2.view(np.uint8)
    for place in range(4):
        # Blocks, and columns of other registers, so that a word has it in each place.
        gate[::2, :, place % gate.shape[-3], 0, 128 * place % gate.shape[-1] + place] = LEAST
        down[1::2, place % down.shape[-3], 0, 128 * place % down.shape[-1] + place] = LEAST
    down[0, -2, 0, down.shape[-1] // 2] = NO_NUMBER
    return dataclasses.replace(weights, w1_scale=w1, w2_scale=w2)


def rows(tokens: Array) -> Array:
    """(T, D) with every fourth token's row not finite: one element of it, or all."""
    tokens = tokens.copy()
    values = np.array([np.nan, np.inf, -np.inf], tokens.dtype)
    for turn, token in enumerate(range(2, len(tokens), 4)):
        place = slice(None) if turn % 2 else turn % tokens.shape[1]
        tokens[token, place] = values[turn % len(values)]
    return tokens


def bounded(layer: Layer, weights: Any) -> Array:
    """(T,) tokens whose infinite weight may give a number or none: rows are weighed once they are
    multiplied, where it leaves infinities that an activation may bound; before that it leaves
    infinities that cancel. Of rows that are not of 8 bits situ with both caps alone bounds each of
    them: any other activation leaves one that is none, of half the columns at least."""
    activation = layer.get("activation")
    capped = isinstance(activation, dict) and "linearBeta" in activation
    products = capped or quantization.activations(layer) is not None
    weighed = layer.get("scoreOn") == "input"
    return (weighed and products) & np.isinf(weights).any(axis=-1)


def settled(result: Any, wanted: Any, either: Any = False) -> tuple[Array, Array, int | None]:
    """(T, D) of a kernel and its reference, nought in rows where neither is finite, and the first
    token that is finite where the reference is not, but for those that may be `either` (T,).

    An infinity's sign, and whether infinities cancel, hang on the sign of what they multiply: so
    infinities of either kind and NaN are alike, but for rows that are NaN altogether.
    """
    result, wanted = np.array(result, np.float64), np.array(wanted, np.float64)
    all_lost = np.isnan(wanted).all(axis=-1, keepdims=True)
    lost = np.where(all_lost, np.isnan(result), ~np.isfinite(result))
    hidden = ~np.isfinite(wanted) & ~lost
    gone = ~np.isfinite(wanted).all(axis=-1)
    result[gone] = wanted[gone] = 0.0
    tokens = np.flatnonzero(hidden.any(axis=-1) & ~np.asarray(either))
    return result, wanted, int(tokens[0]) if len(tokens) else None
