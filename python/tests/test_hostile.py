"""What one token should not have: that the cases have it, and that they see it where it spreads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moegen_worker.ops import validate
from moegen_worker.validate import hostile, oracle
from moegen_worker.wire.errors import OpError

LAYER = {"topK": 2, "activation": "silu", "routing": {"where": "kernel", "scoring": "softmax"}}
KINDS = len(hostile.LOGITS)
RNG = np.random.default_rng(0)


def test_every_kind_of_logits_is_among_usual_ones() -> None:
    made = RNG.standard_normal((2 * KINDS, 12)).astype(np.float32)
    spoilt = hostile.logits(RNG, made, 4)
    assert np.array_equal(spoilt[::2], made[::2])
    rows = spoilt[1::2]
    assert np.isnan(rows).all(axis=1).any()
    assert (rows == -np.inf).all(axis=1).any()
    assert ((rows == np.inf).sum(axis=1) == 1).any()
    assert (np.isfinite(rows).sum(axis=1) == 3).any()
    assert (np.isnan(rows).sum(axis=1) > 4).any()
    assert np.isnan(made).sum() == 0


def test_given_ids_are_twice_out_of_range_and_padding() -> None:
    count, experts = 2 * len(hostile.IDS), 8
    ids = np.tile(np.arange(4), (count, 1))
    weights, spoilt = hostile.given(np.full((count, 4), 0.25), ids, experts)
    assert np.array_equal(spoilt[::2], ids[::2])
    assert {0, 7, 8, -1, 2**31 - 1, -(2**31)} <= set(spoilt.ravel().tolist())
    assert ((spoilt == 0).all(axis=1) & (weights == 0).all(axis=1)).any()
    assert np.isnan(weights[1::2]).any() and np.isfinite(weights[::2]).all()
    _, crowded = hostile.given(weights, ids, experts, crowded=True)
    assert (crowded[::2] == 4).all()


def test_every_second_token_is_as_it_was() -> None:
    rows = hostile.rows(np.ones((12, 4), np.float32))
    finite = np.isfinite(rows).all(axis=1)
    assert finite[hostile.is_hostile(12)].all()
    assert not finite[2::4].any()


def test_a_hidden_nan_and_one_too_many_are_seen() -> None:
    wanted = np.array([[1.0, 2.0], [np.nan, np.nan], [np.inf, 1.0]])
    result, settled, hidden = hostile.settled(wanted, wanted)
    assert hidden is None
    assert np.array_equal(result, settled) and np.isfinite(settled).all()
    assert hostile.settled([[1.0, 2.0], [np.nan, 0.0], [np.inf, 1.0]], wanted)[2] == 1
    assert hostile.settled([[1.0, 2.0], [np.nan, np.nan], [5.0, 1.0]], wanted)[2] == 2
    # NaN where the reference has a number is the error itself.
    result, settled, hidden = hostile.settled([[1.0, np.nan], [np.nan] * 2, [np.inf, 1.0]], wanted)
    assert hidden is None
    assert not np.array_equal(result, settled)
    assert np.array_equal(settled, [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])


def test_an_infinite_weight_of_rows_weighed_in_their_products_may_be_bounded() -> None:
    weights = np.array([[0.5, np.inf], [0.5, np.nan], [0.5, 0.5]])
    rows = {"scoreOn": "input", "quantization": {"activations": "int8"}}
    assert hostile.bounded(rows, weights).tolist() == [True, False, False]
    assert not hostile.bounded({**rows, "scoreOn": "result"}, weights).any()
    assert not hostile.bounded({"scoreOn": "input"}, weights).any()
    situ = {"kind": "situ", "beta": 1, "linearBeta": 2}
    capped = {"scoreOn": "input", "activation": situ}
    assert hostile.bounded(capped, weights).tolist() == [True, False, False]
    assert not hostile.bounded({"activation": situ}, weights).any()
    gate_alone = {"scoreOn": "input", "activation": {"kind": "situ", "beta": 1}}
    assert not hostile.bounded(gate_alone, weights).any()
    wanted = np.full((3, 2), np.nan)
    either = np.array([True, False, False])
    assert hostile.settled(np.ones((3, 2)), wanted, either)[2] == 1
    assert hostile.settled([[1.0, 1.0], *[[np.nan] * 2] * 2], wanted, either)[2] is None


def test_the_oracle_orders_as_top_k() -> None:
    values = np.array([1.0, np.nan, -np.inf, np.inf, np.nan, -0.0, 0.0])
    assert oracle.best(values, 7).tolist() == [1, 4, 3, 0, 5, 6, 2]
    weights, ids = oracle.route(LAYER, np.full((1, 4), np.nan))
    assert ids.tolist() == [[0, 1]]
    assert np.isnan(weights).all()


def test_scores_that_float32_has_not_are_nought() -> None:
    assert oracle.score("sigmoid", np.array([-110.0, 0.0])).tolist() == [0.0, 0.5]
    assert oracle.score("softmax", np.array([0.0, -110.0])).tolist() == [1.0, 0.0]


def run(folder: Path) -> dict[str, Any]:
    params = {"package": str(folder), "layer": LAYER, "tokens": [32], "cases": ["hostile-logits"]}
    return validate.run(params, lambda event, **fields: None)["cases"][0]


def test_a_nan_that_spreads_is_found(tiny: Path, broken: Any) -> None:
    assert run(tiny)["ok"]
    # A weight of nought is no protection against a row that is not a number.
    old = "    weights, ids = lax.top_k(scores, TOP_K)\n"
    new = old + "    weights = weights + 0.0 * jnp.sum(weights, axis=0, keepdims=True)\n"
    assert not run(broken("spreads", old, new))["ok"]


def test_a_nan_that_is_hidden_is_found(broken: Any) -> None:
    old = "    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)\n"
    new = old + "    weights = jnp.nan_to_num(weights)\n"
    case = run(broken("hidden", old, new))
    assert not case["ok"]
    assert "has a number where the reference has none" in case["failure"]["message"]


@pytest.mark.parametrize(("name", "given"), [("hostile-logits", True), ("hostile-ids", False)])
def test_a_case_for_other_routing_is_refused(name: str, given: bool) -> None:
    with pytest.raises(OpError, match=f"case '{name}' needs routing that is"):
        validate.schedule([name], [32], [], None, given)
