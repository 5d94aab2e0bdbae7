"""The oracle against formulas that fit in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moegen_worker.package.model import Layer, Weights
from moegen_worker.validate import fingerprint, metrics, oracle
from moegen_worker.validate.inputs import Copies

KERNEL = {"where": "kernel", "scoring": "softmax", "renormalize": True, "scalingFactor": 1.0}


def layer(**routing: object) -> Layer:
    return {"topK": 2, "activation": "silu", "routing": {**KERNEL, **routing}}


def test_routing_takes_the_largest_and_renormalises() -> None:
    weights, ids = oracle.route(layer(), [[0.0, 2.0, 1.0, -1.0]])
    assert ids.tolist() == [[1, 2]]
    assert weights[0] == pytest.approx(np.exp([2, 1]) / np.exp([2, 1]).sum())


def test_ties_go_to_the_lowest_id() -> None:
    _, ids = oracle.route(layer(), np.ones((1, 8)))
    assert ids.tolist() == [[0, 1]]


def test_without_renormalisation_scores_stand() -> None:
    weights, _ = oracle.route(layer(renormalize=False, scalingFactor=2.5), [[0.0, 0.0, 0.0, 0.0]])
    assert weights[0] == pytest.approx([0.625, 0.625])


def test_scores_that_are_all_nought_weigh_nothing_where_an_epsilon_is_added() -> None:
    tiny = [[-110.0, -110.0, -110.0]]
    weights, ids = oracle.route(layer(scoring="sigmoid", renormEpsilon=1e-20), tiny)
    assert ids.tolist() == [[0, 1]]
    assert weights.tolist() == [[0.0, 0.0]]
    weights, _ = oracle.route(layer(scoring="sigmoid"), tiny)
    assert np.isnan(weights).all()


def test_weights_are_divided_by_no_less_than_the_least() -> None:
    # What the bias chooses: scores of 0.3e-12 and 0.1e-12.
    logits, bias = np.log([[0.3e-12, 0.1e-12, 1.0, 1.0]]), [9.0, 9.0, 0.0, 0.0]
    weights, ids = oracle.route(layer(renormEpsilon={"atLeast": 1e-12}), logits, bias)
    assert ids.tolist() == [[0, 1]]
    assert weights[0] == pytest.approx([0.15, 0.05])
    weights, _ = oracle.route(layer(renormEpsilon={"atLeast": 1e-13}), logits, bias)
    assert weights[0] == pytest.approx([0.75, 0.25])
    weights, _ = oracle.route(layer(renormEpsilon={"atLeast": 1e-13}), [[np.nan] * 4], bias)
    assert np.isnan(weights).all()


def test_sigmoid_scores() -> None:
    weights, _ = oracle.route(layer(scoring="sigmoid", renormalize=False), [[0.0, 3.0, -3.0]])
    assert weights[0] == pytest.approx([1 / (1 + np.exp(-3.0)), 0.5])


def test_soft_cap_bounds_logits() -> None:
    weights, _ = oracle.route(layer(logitSoftCap=1.0), [[1000.0, 0.0]])
    assert weights[0] == pytest.approx(np.exp([1, 0]) / np.exp([1, 0]).sum())


def test_bias_chooses_but_does_not_weigh() -> None:
    spec = layer(scoring="sigmoid", renormalize=False)
    weights, ids = oracle.route(spec, [[0.0, 0.0, 3.0, 0.0]], bias=[0.0, 9.0, -9.0, 0.1])
    assert ids.tolist() == [[1, 3]]
    assert weights[0] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("score", "chosen"), [("max", [0, 1]), ("sum_of_top_2", [2, 3])])
def test_groups_are_judged_by_their_best(score: str, chosen: list[int]) -> None:
    spec = layer(scoring="none", groups={"count": 2, "kept": 1, "score": score})
    _, ids = oracle.route(spec, [[5.0, 0.0, 4.0, 3.0]])
    assert ids.tolist() == [chosen]


def test_score_of_the_chosen_alone() -> None:
    weights, ids = oracle.route(layer(scoreChosen=True, renormalize=False), [[1.0, 3.0, 2.0, 0.0]])
    assert ids.tolist() == [[1, 2]]
    assert weights[0] == pytest.approx(np.exp([3, 2]) / np.exp([3, 2]).sum())


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [
        ("silu", 2 / (1 + np.exp(-1))),
        ("gelu", 2 * 0.8411919906),
        ("gelu_erf", 2 * 0.8413447461),
        ({"kind": "clamped_swiglu", "limit": 0.5}, 0.25 / (1 + np.exp(-0.5))),
        ({"kind": "swigluoai", "alpha": 1.702, "limit": 1.5}, 2.5 / (1 + np.exp(-1.702))),
    ],
)
def test_activations(activation: object, wanted: float) -> None:
    gate, up = np.asarray([1.0]), np.asarray([2.0])
    assert oracle.activate(activation, gate, up) == pytest.approx([wanted])


def test_an_unknown_activation_is_an_error() -> None:
    with pytest.raises(ValueError, match="relu"):
        oracle.activate("relu", np.asarray([1.0]), np.asarray([1.0]))


RNG = np.random.default_rng(0)
X, W1 = RNG.standard_normal((1, 4)), RNG.standard_normal((3, 2, 4, 5))
W2 = RNG.standard_normal((3, 5, 4))


def silu(gate: np.ndarray) -> np.ndarray:
    return gate / (1 + np.exp(-gate))


def test_layer_is_a_weighted_sum() -> None:
    wanted = 0.5 * ((silu(X[0] @ W1[2, 0]) * (X[0] @ W1[2, 1])) @ W2[2])
    assert oracle.moe(layer(), X, Weights(W1, W2), [[0.5]], [[2]])[0] == pytest.approx(wanted)


def test_biases_come_before_activation_and_before_the_weight() -> None:
    b1, b2 = RNG.standard_normal((3, 2, 5)), RNG.standard_normal((3, 4))
    hidden = silu(X[0] @ W1[1, 0] + b1[1, 0]) * (X[0] @ W1[1, 1] + b1[1, 1])
    weights = Weights(W1, W2, b1, b2)
    found = oracle.moe(layer(), X, weights, [[0.25]], [[1]])[0]
    assert found == pytest.approx(0.25 * (hidden @ W2[1] + b2[1]))


@pytest.mark.parametrize("gate", [None, RNG.standard_normal(4)])
def test_shared_experts_are_added_with_weight_one_or_their_gates(gate: Any) -> None:
    gates, ups = RNG.standard_normal((4, 6)), RNG.standard_normal((4, 6))
    downs = RNG.standard_normal((6, 4))
    weights = Weights(W1, W2, shared_w1=gates, shared_w2=downs, shared_w3=ups, shared_gate=gate)
    spec = {**layer(), "sharedExperts": {"count": 2, "intermediate": 3}}
    found = oracle.moe(spec, X, weights, [[0.0]], [[0]])[0]
    share = 1.0 if gate is None else 1 / (1 + np.exp(-X[0] @ gate))
    assert found == pytest.approx(share * ((silu(X[0] @ gates) * (X[0] @ ups)) @ downs))


def test_ids_out_of_range_count_nothing() -> None:
    found = oracle.moe(layer(), X, Weights(W1, W2), [[0.5, 3.0]], [[-1, 3]])
    assert not found.any()


def test_a_model_is_laid_out_as_asked() -> None:
    b1 = RNG.standard_normal((3, 2, 5))
    weights = Weights(W1, W2, b1)
    assert weights.arrays("fused")["w1"].shape == (3, 2, 4, 5)
    apart = weights.arrays("separate")
    assert np.array_equal(apart["w3"], W1[:, 1])
    assert np.array_equal(apart["b3"], b1[:, 1])
    beside = weights.arrays("side_by_side")
    assert np.array_equal(beside["w1"][:, :, 5:], W1[:, 1])
    assert np.array_equal(beside["b1"][:, :5], b1[:, 0])


def test_copies_of_experts_mean_the_same() -> None:
    copies = Copies(experts=8, redundant=3, seed=1)
    assert sorted(set(copies.logical.tolist())) == [0, 1, 2, 3, 4]
    ids = np.random.default_rng(3).integers(0, 5, (40, 2))
    physical = copies.spread(ids)
    assert np.array_equal(copies.logical[physical], ids)
    # Every copy gets its turn.
    assert set(physical.ravel().tolist()) == set(range(8))
    assert np.array_equal(copies.logical[copies.canonical], copies.logical)


def test_blame_finds_the_lost_expert() -> None:
    parts = np.random.default_rng(1).standard_normal((4, 64))
    assert metrics.blame(parts, -parts[2]) == 2


def test_not_a_number_is_infinitely_wrong() -> None:
    assert metrics.relative_error([[1.0, np.nan]], [[1.0, 1.0]]) == float("inf")
    assert metrics.relative_error([[1.0, 2.0]], [[1.0, 2.0]]) == 0.0


def test_fingerprints_show_ids_and_weights() -> None:
    spec = layer()
    w1, w2 = fingerprint.weights(4, 8, 16, np.float32)
    rows = fingerprint.tokens(3, 8, np.float32)
    weights, ids = oracle.route(spec, np.random.default_rng(2).standard_normal((3, 4)))
    result = oracle.moe(spec, rows, Weights(w1, w2), weights, ids)
    shown = fingerprint.read(spec, result, 4, w2[0])
    assert fingerprint.compare(shown, weights, ids, 1e-6) is None
    wrong = ids.copy()
    wrong[1, 0] = ({0, 1, 2, 3} - set(ids[1].tolist())).pop()
    found = fingerprint.compare(shown, weights, wrong, 1e-6)
    assert found is not None
    assert (found["token"], found["problem"]) == (1, "ids")
    found = fingerprint.compare(shown, weights * 1.1, ids, 1e-6)
    assert found is not None
    assert found["problem"] == "weight"
    # Rows exchanged between tokens show too: tokens differ in scale.
    swapped = fingerprint.read(spec, result[[1, 0, 2]], 4, w2[0])
    assert fingerprint.compare(swapped, weights, ids, 1e-6) is not None
