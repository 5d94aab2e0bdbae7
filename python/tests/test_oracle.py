"""The oracle against formulas that fit in one line."""

from __future__ import annotations

import numpy as np
import pytest

from moegen_worker import fingerprint, metrics, oracle

KERNEL = {"where": "kernel", "scoring": "softmax", "renormalize": True, "scalingFactor": 1.0}


def layer(**routing: object) -> oracle.Layer:
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


def test_layer_is_a_weighted_sum() -> None:
    rng = np.random.default_rng(0)
    x, w1 = rng.standard_normal((1, 4)), rng.standard_normal((3, 2, 4, 5))
    w2 = rng.standard_normal((3, 5, 4))
    gate, up = x[0] @ w1[2, 0], x[0] @ w1[2, 1]
    wanted = 0.5 * ((gate / (1 + np.exp(-gate)) * up) @ w2[2])
    assert oracle.moe(layer(), x, w1, w2, [[0.5]], [[2]])[0] == pytest.approx(wanted)


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
    result = oracle.moe(spec, rows, w1, w2, weights, ids)
    shown = fingerprint.read(spec, result, 4, w2)
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
    swapped = fingerprint.read(spec, result[[1, 0, 2]], 4, w2)
    assert fingerprint.compare(swapped, weights, ids, 1e-6) is not None
