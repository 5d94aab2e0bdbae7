"""What rounding is expected to cost, against kernels in numpy that round as ours do, or worse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from moegen_worker.package import model, quantization
from moegen_worker.validate import grid, metrics, oracle, rounding, ways
from moegen_worker.validate.inputs import Inputs
from moegen_worker.validate.rounding import Expected, Owners

Array = np.ndarray
DEVICES, EXPERTS, HIDDEN, INTERMEDIATE, TOKENS, TOP_K = 4, 12, 256, 64, 48, 3
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LAYER: dict[str, Any] = {
    "topK": TOP_K,
    "activation": "silu",
    "routing": {"scoring": "softmax", "renormalize": True},
}


def rounded(values: Array) -> Array:
    return values.astype(BFLOAT16).astype(np.float64)


def truncated(values: Array) -> Array:
    bits = values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


def same(values: Array) -> Array:
    return values


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel in numpy, by what it rounds with at each step."""

    # As `model.Weights.plain` takes it; None: products are scaled, not weights.
    weights: Any = None
    products: Callable[[Array], Array] = same
    activated: Callable[[Array], Array] = rounded
    down: Callable[[Array], Array] = same
    sums: Callable[[Array], Array] = same
    own: Callable[[Array], Array] = same
    sent: Callable[[Array], Array] = rounded
    result: Callable[[Array], Array] = rounded

    def run(self, inputs: Inputs) -> Array:
        w, (x, shares, ids) = inputs.model, (
            a[0] for a in (inputs.tokens, inputs.weights, inputs.ids)
        )
        home = Owners(DEVICES, EXPERTS).of_tokens(len(x))
        rows = np.asarray(x, np.float64)
        kind = () if self.weights is None else (self.weights,)
        result = np.zeros((TOKENS, HIDDEN))
        for device in range(DEVICES):
            sums = np.zeros((TOKENS, HIDDEN))
            for e in range(device * EXPERTS // DEVICES, (device + 1) * EXPERTS // DEVICES):
                share = np.where(ids == e, shares, 0.0).sum(axis=-1, keepdims=True)
                gate, up = (self.products(rows @ w.plain("w1", (e, i), *kind)) for i in range(2))
                hidden = self.activated(oracle.activate("silu", gate, up))
                add = share * self.down(hidden @ w.plain("w2", (e,), *kind))
                sums = np.where(share > 0, self.sums(sums + add), sums)
            result += np.where((home == device)[:, None], self.own(sums), self.sent(sums))
        return self.result(result)


def made(
    seed: int,
    hot: bool = False,
    layer: dict[str, Any] = LAYER,
    intermediate: int = INTERMEDIATE,
) -> Inputs:
    rng = np.random.default_rng(seed)
    weights = model.random(layer, (EXPERTS, HIDDEN, intermediate), BFLOAT16, rng).quantized(layer)
    logits = rng.standard_normal((TOKENS, EXPERTS))
    if hot:
        logits[:, -3:] += 12.0
    shares, ids = oracle.route(layer, logits)
    x = rng.standard_normal((1, TOKENS, HIDDEN)).astype(BFLOAT16)
    return Inputs(x, logits[None], shares[None], ids[None], weights)


def expected(inputs: Inputs, dtype: Any = BFLOAT16, layer: dict[str, Any] = LAYER) -> Expected:
    owners = Owners(DEVICES, EXPERTS)
    return rounding.Model(layer, dtype, inputs.model, owners).call(inputs, 0)


def exact(inputs: Inputs, layer: dict[str, Any] = LAYER) -> Array:
    first = inputs.tokens[0], inputs.model, inputs.weights[0], inputs.ids[0]
    return oracle.moe(layer, *first)


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_right_kernel_has_the_expected_error(seed: int, hot: bool) -> None:
    inputs = made(seed, hot)
    found = metrics.against(Kernel().run(inputs), exact(inputs), expected(inputs))
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0
    # Nor is the limit far from what is expected.
    assert found.limit < (1.4 if hot else 1.2) * found.expected


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_own_sums_that_are_rounded_alike_cost_what_others_do(seed: int, hot: bool) -> None:
    inputs = made(seed, hot)
    result = Kernel(own=rounded).run(inputs)
    allowed = expected(inputs, layer={**LAYER, "deterministic": True})
    found = metrics.against(result, exact(inputs), allowed)
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0
    # The limit of a kernel that keeps its own sums is below; where one device has all, it is rounded
    # once in both.
    kept = metrics.against(result, exact(inputs), expected(inputs)).limit
    assert found.limit == kept if hot else found.limit > kept


@pytest.mark.parametrize("hot", [False, True])
def test_results_and_sums_that_are_both_rounded_have_the_expected_error(hot: bool) -> None:
    inputs = made(0, hot)
    allowed = expected(inputs, layer={**LAYER, "roundedResults": True})
    found = metrics.against(Kernel(down=rounded, own=rounded).run(inputs), exact(inputs), allowed)
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0
    worse = Kernel(down=rounded, own=truncated, sent=truncated).run(inputs)
    assert metrics.against(worse, exact(inputs), allowed).of_limit > 1.0


def test_what_identity_experts_give_is_added_to_rounded_sums() -> None:
    inputs = made(0)
    # A tenth of what a token chooses: sums and rows are alike in size.
    shares, ids = inputs.weights[0], inputs.ids[0]
    shares[:, 0], ids[:, 0] = 0.1, EXPERTS
    given = 0.1 * np.asarray(inputs.tokens[0], np.float64)
    layer = {**LAYER, "roundedResults": True, "identityExperts": 1}
    kernel = Kernel(down=rounded, own=rounded, result=lambda sums: rounded(rounded(sums) + given))
    found = metrics.against(kernel.run(inputs), exact(inputs, layer), expected(inputs, layer=layer))
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0


@pytest.mark.parametrize(
    "kernel",
    [
        Kernel(result=truncated, sent=truncated),
        Kernel(sent=truncated),
        Kernel(result=truncated),
        Kernel(activated=truncated),
        Kernel(products=rounded),
        Kernel(down=rounded),
        Kernel(sums=rounded),
    ],
    ids=["pack", "sent", "result", "activated", "products", "down", "sums"],
)
def test_a_kernel_that_rounds_once_more_or_not_to_the_nearest_is_beyond(kernel: Kernel) -> None:
    # As in a validation: some case sees it, not every one.
    verdicts = []
    for hot in (False, True):
        inputs = made(1, hot)
        found = metrics.against(kernel.run(inputs), exact(inputs), expected(inputs))
        # The bound of old saw none of them.
        assert found.error < 1e-2
        verdicts.append(found.of_limit)
    assert max(verdicts) > 1.0


def test_one_wrong_token_among_many_is_beyond() -> None:
    inputs = made(2)
    result = Kernel().run(inputs)
    result[5] *= 1.01
    found = metrics.against(result, exact(inputs), expected(inputs))
    assert (found.row, found.all_rows < 1.0, found.one_row > 1.0) == (5, True, True)


def test_float32_may_be_off_by_its_own_sums_alone() -> None:
    inputs = made(3)
    allowed = expected(inputs, np.float32)
    right = exact(inputs).astype(np.float32)
    assert metrics.against(right, exact(inputs), allowed).of_limit < 1.0
    assert 1e-8 < metrics.against(right, exact(inputs), allowed).limit < 5e-6
    assert metrics.against(rounded(right), exact(inputs), allowed).of_limit > 100.0
    assert metrics.against(right * (1 + 1e-5), exact(inputs), allowed).of_limit > 1.0


def of_8_bits(values: Array) -> Array:
    return np.stack([quantization.round_row(row, "int8") for row in values])


@pytest.mark.parametrize("deterministic", [False, True])
def test_sums_of_8_bits_have_the_expected_error(deterministic: bool) -> None:
    layer = {**LAYER, "wire": {"combine": "int8"}, "deterministic": deterministic}
    inputs = made(4, layer=layer)
    kernel = Kernel(own=of_8_bits if deterministic else same, sent=of_8_bits)
    allowed = expected(inputs, layer=layer)
    found = metrics.against(kernel.run(inputs), exact(inputs, layer), allowed)
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0
    # Own sums that are quantised too, and such that are sent as they are, are another error.
    other = Kernel(own=same if deterministic else of_8_bits, sent=of_8_bits).run(inputs)
    assert metrics.against(other, exact(inputs, layer), allowed).error != pytest.approx(
        found.expected, rel=0.06
    )


def test_sums_of_8_bits_that_are_passed_on_are_quantised_at_every_step() -> None:
    layer = {**LAYER, "wire": {"combine": "int8"}}
    # A line of three to device 0, then to the others as far as it goes.
    way = np.array([[0, 0, 1, 2], [1, 1, 1, 2], [1, 2, 2, 2], [1, 2, 3, 3]])
    owners = Owners(DEVICES, EXPERTS, ways=lambda count: way[None])
    rng = np.random.default_rng(7)
    sums = rng.standard_normal((DEVICES, TOKENS, HIDDEN))
    home = np.zeros(TOKENS, int)
    model_of = rounding.Model(layer, BFLOAT16, made(4, layer=layer).model, owners)
    variance, more, _ = model_of._sent(sums, np.zeros_like(sums), home)
    result = sums[0] + of_8_bits(sums[1] + of_8_bits(sums[2] + of_8_bits(sums[3])))
    error = np.square(result - sums.sum(axis=0)).sum()
    assert error == pytest.approx(variance.sum(), rel=0.05)
    assert model_of.roundings(TOKENS) == 3
    assert (more == 0.0).all()


def test_what_a_row_may_be_off_by_is_that_of_the_worst_way() -> None:
    layer = {**LAYER, "wire": {"combine": "int8"}}
    line = np.array([[0, 0, 1, 2], [1, 1, 1, 2], [1, 2, 2, 2], [1, 2, 3, 3]])
    both = np.stack([line, ways.straight(DEVICES)[0]])
    rng = np.random.default_rng(7)
    sums = rng.standard_normal((DEVICES, TOKENS, HIDDEN))
    # Nearly all of a row comes from the far end of the line.
    sums[:3] *= 1e-2
    home = np.zeros(TOKENS, int)

    def on(way: Array) -> tuple[Array, Array]:
        owners = Owners(DEVICES, EXPERTS, ways=lambda count: way)
        model_of = rounding.Model(layer, BFLOAT16, made(4, layer=layer).model, owners)
        variance, more, _ = model_of._sent(sums, np.zeros_like(sums), home)
        return variance.sum(axis=-1), more

    mean, more = on(both)
    worst, _ = on(line[None])
    assert mean + more == pytest.approx(worst)
    assert (worst > 1.4 * mean).all()


def test_a_value_beside_the_middle_of_two_steps_may_go_to_either() -> None:
    # Float8 values of 448, 200 (between 192 and 208) and 196, by whom float32 may be off.
    rows = np.array([[448.0, 200.0 * (1.0 + 5e-7), 196.0]])
    moved, fourth = grid.requantized(rows, np.square(rows * 2e-7), "float8_e4m3fn")
    # On average both cost what they cost anywhere; but one may be off by a whole step.
    assert moved[0, 1] == pytest.approx(moved[0, 2], rel=0.05)
    off = rounding.Expected(moved.sum(-1), np.sqrt(2.0 * fourth.sum(-1)))
    assert off.row_limits[0] > 16.0
    rows[0, 1] = 198.0
    moved, fourth = grid.requantized(rows, np.square(rows * 2e-7), "float8_e4m3fn")
    assert rounding.Expected(moved.sum(-1), np.sqrt(2.0 * fourth.sum(-1))).row_limits[0] < 16.0


def test_what_is_not_a_number_must_be_so_in_both() -> None:
    inputs = made(5)
    wanted, result = exact(inputs), Kernel().run(inputs)
    allowed = expected(inputs)
    result[3] = np.nan
    assert metrics.against(result, wanted, allowed).of_limit == np.inf
    wanted[3] = np.nan
    assert metrics.against(result, wanted, allowed).of_limit < 1.0
    result[3] = 0.0
    assert metrics.against(result, wanted, allowed).of_limit == np.inf


def test_where_nothing_may_be_off_nothing_is() -> None:
    inputs = made(6)
    inputs = dataclasses.replace(inputs, ids=np.full_like(inputs.ids, -1))
    nought = np.zeros((TOKENS, HIDDEN))
    assert metrics.against(nought, nought, expected(inputs)).of_limit == 0.0
    assert metrics.against(nought + 1e-30, nought, expected(inputs)).of_limit == np.inf


def test_steps_are_the_distance_of_neighbours() -> None:
    values = np.array([1.0, 1.99, 2.0, -0.75, 0.0, 3e-5])
    steps = grid.steps(values, 7)
    for value, step in zip(values, steps, strict=True):
        low = np.float32(rounded(np.array(value)))
        after = (low.view(np.uint32) + np.uint32(0x10000)).view(np.float32)
        assert step == (abs(float(after) - float(low)) if value else 0.0)
    # On a grid already, but for little: off by that little.
    on = grid.nearest(np.array([1.5 + 1e-4]), BFLOAT16, np.array([1.5]))
    assert on == pytest.approx(1e-8)


def test_a_row_of_exact_products_may_be_off_by_float32_additions_and_no_more() -> None:
    wanted = np.ones((2, HIDDEN))
    none = Expected(np.zeros(2), np.zeros(2))
    assert metrics.against(wanted, wanted, none).of_limit == 0.0
    assert metrics.against(wanted * (1 + 2.0**-22), wanted, none).one_row < 1.0
    assert metrics.against(wanted * (1 + 2.0**-19), wanted, none).one_row > 1.0


def test_weights_are_rounded_where_an_expert_has_more_rows_than_a_small_body() -> None:
    layer = {
        **LAYER,
        "quantization": {
            "weights": "float8_e4m3fn",
            "granularity": {"kind": "sub_channel", "block": 32},
            "scales": "float32",
        },
    }
    inputs = made(7, layer=layer)

    def mean(**above: int) -> float:
        rounding_of = {**layer, "roundedWeights": above}
        return float(expected(inputs, layer=rounding_of).mean.sum())

    assert mean(routed=TOKENS) == mean()
    assert mean() < mean(routed=TOKENS * TOP_K // EXPERTS) < mean(routed=0)


@pytest.mark.parametrize("seed", range(8))
def test_weights_of_few_mantissas_and_scales_are_off_together(seed: int) -> None:
    layer = {
        **LAYER,
        "roundedWeights": {"routed": 0},
        "quantization": {
            "weights": "float8_e4m3fn",
            "granularity": "blocks_128x128",
            "scales": "float32",
        },
    }
    inputs = made(seed, layer=layer, intermediate=128)
    kernel = Kernel(weights=BFLOAT16).run(inputs)
    found = metrics.against(kernel, exact(inputs, layer), expected(inputs, layer=layer))
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0


def test_a_multiple_of_a_row_has_one_error_for_each_mantissa() -> None:
    rng = np.random.default_rng(3)
    tokens = rng.standard_normal((2, 512)).astype(ml_dtypes.bfloat16)
    given = np.array([[0.7], [0.7]]) * tokens.astype(np.float64)
    # The second token has an expert's result as well.
    total = given + np.array([[0.0], [0.3]]) * rng.standard_normal((2, 512))
    variance = grid.nearest(total, tokens.dtype)
    alone, beside = rounding.alike_errors(tokens, given, total, variance)
    # Of 512 values about four share a mantissa.
    assert (variance[0] ** 2).sum() < alone and beside == 0.0


def test_an_infinite_row_has_an_error_where_its_activation_is_at_a_bound() -> None:
    layer = {**LAYER, "activation": {"kind": "situ", "beta": 1.0, "linearBeta": 2.0}}
    inputs = made(0, layer=layer)
    inputs.tokens[0, 3, 5] = np.inf
    assert np.isfinite(exact(inputs, layer)[3]).all()
    mean = expected(inputs, layer=layer).mean
    assert 0.0 < mean[3] < 100.0 * mean[4]


def test_sums_are_rounded_where_a_round_ends_that_is_not_the_last() -> None:
    rounds = rounding.Rounds(np.array([7, 4]), most=4)
    assert rounds.pieces(0, 3) == [(slice(0, 3), False)]
    # The second expert's first row is the round's last.
    assert rounds.pieces(0, 4) == [(slice(0, 1), True), (slice(1, 4), False)]
    assert rounds.pieces(1, 4) == [(slice(0, 4), False)]
    assert rounding.Rounds(np.array([9]), None).pieces(0, 9) == [(slice(0, 9), False)]


def test_a_round_that_ends_rounds_what_the_shared_experts_gave_as_well() -> None:
    """As grouped matmuls add results up: sums begin at the shared experts', rounds follow by expert."""
    layer = {**LAYER, "roundedResults": True, "sharedExperts": {"count": 1, "intermediate": 64}}
    inputs = made(0, layer=layer)
    w, (x, shares, ids) = inputs.model, (a[0] for a in (inputs.tokens, inputs.weights, inputs.ids))
    rows, most = np.asarray(x, np.float64), 48
    gate, up = (rows @ w.plain(f"shared_{name}") for name in ("w1", "w3"))
    sums = rounded(rounded(oracle.activate("silu", gate, up)) @ w.plain("shared_w2"))
    # By expert, then by token: each entry to its token's sum, and all are rounded where a round ends.
    entries = [(e, token) for e in range(EXPERTS) for token in np.flatnonzero((ids == e).any(-1))]
    for number, (e, token) in enumerate(entries):
        if number > 0 and number % most == 0:
            sums = rounded(sums)
        gate, up = (rows[token] @ w.plain("w1", (e, i)) for i in range(2))
        hidden = rounded(oracle.activate("silu", gate, up))
        share = np.where(ids[token] == e, shares[token], 0.0).sum()
        sums[token] += share * rounded(hidden @ w.plain("w2", (e,)))
    owners = Owners(1, EXPERTS, round_entries=lambda *_: most)
    allowed = rounding.Model(layer, BFLOAT16, w, owners).call(inputs, 0)
    found = metrics.against(rounded(sums), exact(inputs, layer), allowed)
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0


def test_sums_of_a_chip_of_two_devices_leave_it_together() -> None:
    (way,) = ways.through_chips(4)
    # Sums of tokens of device 1: device 0 shares its chip; 3 is at its place, and has those of 2.
    assert way[1].tolist() == [1, 1, 3, 1]
    assert way[2].tolist() == [2, 0, 2, 2]
    sums = np.arange(1.0, 5.0).reshape(4, 1, 1)
    sent, new = ways.grown(sums, way[1], home=1)
    assert sent[[0, 2, 3], 0, 0].tolist() == [1.0, 3.0, 7.0]
    # What device 3 sends is rounded once more: it is the sum of two.
    assert new[[0, 2, 3], 0].tolist() == [True, True, True]


@pytest.mark.parametrize("seed", range(2))
def test_each_of_the_devices_that_share_an_expert_rounds_what_it_gives(seed: int) -> None:
    """As grouped matmuls do: parts of results, and each device's sums."""
    inputs = made(seed)
    w = inputs.model
    shares, ids = inputs.weights[0], inputs.ids[0]
    rows = np.asarray(inputs.tokens[0], np.float64)
    result = np.zeros((TOKENS, HIDDEN))
    for group in np.split(np.arange(EXPERTS), DEVICES):
        for columns in np.split(np.arange(INTERMEDIATE), 2):
            sums = np.zeros((TOKENS, HIDDEN))
            for e in group:
                share = np.where(ids == e, shares, 0.0).sum(axis=-1, keepdims=True)
                gate, up = (rows @ w.plain("w1", (e, i))[:, columns] for i in range(2))
                hidden = rounded(oracle.activate("silu", gate, up))
                sums += share * rounded(hidden @ w.plain("w2", (e,))[columns])
            result += rounded(sums)
    layer = {**LAYER, "roundedResults": True}
    owners = Owners(2 * DEVICES, EXPERTS, shared_by=2)
    allowed = rounding.Model(layer, BFLOAT16, w, owners).call(inputs, 0)
    found = metrics.against(rounded(result), exact(inputs), allowed)
    assert found.error == pytest.approx(found.expected, rel=0.06)
    assert found.of_limit < 1.0
