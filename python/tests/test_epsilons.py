"""Tokens near an epsilon: that they are there, and that they tell what is done to the sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moegen_worker.validate import epsilons, hostile, oracle

EXPERTS = 12
BIAS = np.random.default_rng(0).standard_normal(EXPERTS).astype(np.float32) * np.float32(0.3)


def layer(**routing: Any) -> dict[str, Any]:
    return {"topK": 4, "routing": {"scoring": "softmax", "renormalize": True, **routing}}


KINDS = [
    (layer(renormEpsilon={"atLeast": 1e-12}), BIAS),
    (layer(renormEpsilon=1e-20), BIAS),
    (layer(scoring="sigmoid", renormEpsilon={"atLeast": 1e-6}), None),
    (layer(scoring="sigmoid", renormEpsilon=1e-20), BIAS),
    (layer(scoring="none", renormEpsilon=1e-6, logitSoftCap=5.0), None),
]


@pytest.mark.parametrize(("made", "bias"), KINDS)
def test_half_and_twice_the_epsilon_tell_what_is_done_with_it(made: Any, bias: Any) -> None:
    rows = epsilons.rows(made, EXPERTS, bias)
    assert len(rows) == 2
    epsilon = made["routing"]["renormEpsilon"]
    size = epsilon["atLeast"] if isinstance(epsilon, dict) else epsilon
    others = [
        None,
        size,
        {"atLeast": size},
        2 * size,
        {"atLeast": size / 10},
        {"atLeast": 10 * size},
    ]
    wanted = oracle.route(made, rows, bias)[0].sum(axis=-1)
    added, least = [1 / 3, 2 / 3], [1 / 2, 1]
    assert wanted == pytest.approx(least if isinstance(epsilon, dict) else added, rel=1e-2)
    for other in others:
        if other == epsilon:
            continue
        routing = {key: v for key, v in made["routing"].items() if key != "renormEpsilon"}
        routing |= {} if other is None else {"renormEpsilon": other}
        found = oracle.route({**made, "routing": routing}, rows, bias)[0].sum(axis=-1)
        assert np.abs(found / wanted - 1).max() > 0.1


def test_where_no_logits_lead_there_are_none() -> None:
    assert epsilons.rows(layer(), EXPERTS, BIAS) == []
    # The best of a softmax have a share of 1 / E each.
    assert epsilons.rows(layer(renormEpsilon=1e-20), EXPERTS, None) == []
    # And of the chosen alone all of it.
    assert epsilons.rows(layer(renormEpsilon=1e-20, scoreChosen=True), EXPERTS, BIAS) == []
    assert epsilons.rows(layer(scoring="sigmoid", renormEpsilon=2.0**-126), EXPERTS, BIAS) == []


@pytest.mark.parametrize("count", [8, 2 * len(hostile.LOGITS) + 8])
def test_they_stand_where_hostile_tokens_are_beyond_one_of_each_kind(count: int) -> None:
    made, bias = KINDS[0]
    further = epsilons.rows(made, EXPERTS, bias)
    logits = np.zeros((count, EXPERTS), np.float32)
    placed = np.flatnonzero((hostile.placed(logits, further) != logits).any(axis=-1))
    assert len(placed) == 2 and (placed % 2 == 1).all()
    assert count == 8 or placed.min() > 2 * len(hostile.LOGITS) - 1
    assert np.array_equal(hostile.placed(logits[:2], further), logits[:2])
