"""The registry of cases: names, determinism, and that each asks what its name says."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest

from moegen_worker.ops import validate
from moegen_worker.package import loading
from moegen_worker.validate import cases, inputs, oracle
from moegen_worker.wire.errors import OpError

GENERATED = Path(__file__).parents[2] / "generated"
SHAPE = cases.Shape(tokens=32, experts=16, top_k=4, ep=4)
LAYER = {"topK": 4, "activation": "silu", "routing": {"scoring": "softmax", "renormalize": True}}


def packages() -> list[str]:
    """Each package, and each kind of layers of those that have several."""
    found = [path for path in GENERATED.iterdir() if not (path / "layers.py").is_file()]
    kinds = [
        tiles.parent
        for path in GENERATED.glob("*/layers.py")
        for tiles in path.parent.glob("*/tiles.py")
    ]
    return [str(path.relative_to(GENERATED)) for path in [*found, *kinds]]


def chosen(name: str) -> np.ndarray:
    case = next(case for case in cases.CASES if case.name == name)
    return oracle.route(LAYER, case.gating(cases.generator(0, name), SHAPE))[1]


def test_names_are_unique() -> None:
    names = [case.name for case in cases.CASES]
    assert len(names) == len(set(names))
    assert validate.REFERENCE not in names


def test_a_case_is_a_function_of_its_seed() -> None:
    for case in cases.CASES:
        first = case.gating(cases.generator(5, case.name), SHAPE)
        again = case.gating(cases.generator(5, case.name), SHAPE)
        assert np.array_equal(first, again, equal_nan=True)
        assert first.shape == (32, 16)
        assert first.dtype == np.float32


def test_one_hot_expert_is_every_tokens_first_choice() -> None:
    assert len(set(chosen("hot-expert")[:, 0].tolist())) == 1


def test_one_hot_device_gets_every_choice() -> None:
    assert set((chosen("hot-device") // 4).ravel().tolist()) == {3}


def test_some_devices_and_some_experts_are_empty() -> None:
    ids = chosen("empty-experts")
    assert set((ids // 4).ravel().tolist()) == {1, 3}
    assert len(set(ids.ravel().tolist())) == 4


def test_ties_take_the_first_experts() -> None:
    assert chosen("ties")[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("usual", "ep"), [(32, 4), (64, 8), (2, 2), (1, 1), (16, 1)])
def test_an_odd_t_is_not_divisible(usual: int, ep: int) -> None:
    count = cases.not_divisible(usual, ep)
    assert 1 <= count <= usual
    assert ep == 1 or count % ep != 0


def test_unknown_cases_are_refused_with_the_known() -> None:
    with pytest.raises(OpError, match="hot-expert"):
        validate.chosen(["nonsense"])


class Tiles(tuple):
    """Enough of a package to plan with."""


class Package:
    devices, splits, has_rounds = 4, True, False

    def small_pass_tiles(self, tokens: int) -> None:
        return None


def test_every_further_bucket_is_visited() -> None:
    planned = validate.schedule(None, [32], [64, 128], Package())
    assert [t for case, t in planned if case.name == "not-divisible"] == [63, 127]
    assert {"uniform", "one-token", "two-calls", "odd"} <= {case.name for case, _ in planned}
    assert "passes" not in {case.name for case, _ in planned}


def test_shards_cover_every_case_once() -> None:
    planned = validate.schedule(None, [32], [64], Package())
    parts = [validate.share(planned, True, shard, 2) for shard in (0, 1)]
    together = [entry for _, part in parts for entry in part]
    assert sorted(c.name for c, _ in together) == sorted(c.name for c, _ in planned)
    assert sum(reference for reference, _ in parts) == 1
    assert all(part for _, part in parts)


def test_ids_out_of_range_are_for_given_routing() -> None:
    names = {case.name for case, _ in validate.schedule(None, [32], [], Package())}
    assert "padding" not in names
    names = {case.name for case, _ in validate.schedule(None, [32], [], Package(), given=True)}
    assert "padding" in names
    with pytest.raises(OpError, match="given"):
        validate.schedule(["padding"], [32], [], Package())


def test_ids_out_of_range_are_on_both_sides_and_leave_some() -> None:
    ids = inputs.absent(np.random.default_rng(0), np.full((32, 4), 3), experts=16)
    assert (ids[::3] != 3).all()
    assert (ids < 0).any()
    assert (ids == 16).any()
    assert (ids == 3).any()
    assert not ((ids >= 0) & (ids < 16) & (ids != 3)).any()


def test_blocks_are_of_every_usual_run_of_few_devices() -> None:
    count = {case.name: t for case, t in validate.schedule(None, [32], [], Package())}["blocks"]
    # More than 128 tokens on each device, and a last one with fewer.
    assert count > 3 * 130 and count % 4 != 0
    assert cases.two_blocks(1, 1) == 129

    class Many(Package):
        devices = 32

    assert "blocks" not in {case.name for case, _ in validate.schedule(None, [64], [], Many())}
    assert "blocks" in {case.name for case, _ in validate.schedule(["blocks"], [64], [], Many())}


def test_far_logits_leave_a_softmax_as_it_is_and_its_exponentials_not() -> None:
    logits = cases.uniform(cases.generator(0, "far"), SHAPE)
    moved = inputs.far({"scoring": "softmax"}, logits)
    for found, wanted in zip(oracle.route(LAYER, moved), oracle.route(LAYER, logits), strict=True):
        assert found == pytest.approx(wanted, rel=1e-3)
    with np.errstate(over="ignore", invalid="ignore"):
        naive = np.exp(moved) / np.exp(moved).sum(axis=-1, keepdims=True)
    assert not np.isfinite(naive).all(axis=-1)[1::3].any()
    assert not np.isfinite(naive).all(axis=-1)[2::3].any()
    # Capped logits, and those that are scores, would be others.
    for routing in ({"scoring": "softmax", "logitSoftCap": 30.0}, {"scoring": "none"}):
        assert inputs.far(routing, logits) is logits
    assert inputs.far({"scoring": "sigmoid"}, logits)[1] == pytest.approx(logits[1] - 60.0)


@pytest.mark.filterwarnings("ignore:.*no tiles for device kind")
@pytest.mark.parametrize("path", sorted(packages()))
def test_each_package_takes_the_tiles_of_blocks_and_chunks(path: str) -> None:
    package = loading.load(GENERATED / path)
    passes = "pass_tokens" in (GENERATED / path / "tiles.py").read_text()
    for count in (cases.three_chunks, cases.two_blocks):
        tiles = package.chunk_tiles(count(32, package.devices))
        assert (tiles is not None) == passes
        if tiles is not None:
            tiles.check()


@pytest.mark.parametrize("name", ["hot-expert", "hot-device", "empty-experts", "alone", "odd"])
def test_every_choice_has_a_weight_that_is_seen(name: str) -> None:
    case = next(one for one in cases.CASES if one.name == name)
    weights, _ = oracle.route(LAYER, case.gating(cases.generator(0, name), SHAPE))
    assert (weights.min(axis=1) > 0.005 * weights.max(axis=1)).all()


def test_most_experts_have_rows_of_some_devices_alone() -> None:
    devices = np.arange(SHAPE.tokens) // -(-SHAPE.tokens // SHAPE.ep)
    ids = chosen("odd")
    sources = [len(set(devices[(ids == e).any(axis=1)].tolist())) for e in range(SHAPE.experts)]
    assert sources.count(SHAPE.ep) < SHAPE.experts // 2
    assert min(sources) > 0


def test_rounds_are_small_where_passes_would_be() -> None:
    class InRounds(Package):
        has_rounds = True

    def small(package: Package) -> set[str]:
        return {
            case.name for case, _ in validate.schedule(None, [32], [], package) if case.small_passes
        }

    assert small(Package()) == set()
    assert small(InRounds()) == {"odd"}


def test_passes_one_after_the_other_are_of_kernels_whose_passes_may_overlap() -> None:
    class Overlapping(Package):
        def small_pass_tiles(self, tokens: int) -> types.SimpleNamespace:
            return types.SimpleNamespace(pass_tokens=16, passes_at_once=2)

    def names(package: Package) -> set[str]:
        return {case.name for case, _ in validate.schedule(None, [32], [], package)}

    assert names(Overlapping()) - names(Package()) == {"one-by-one"}
    with pytest.raises(OpError, match="may overlap"):
        validate.schedule(["one-by-one"], [32], [], Package())
