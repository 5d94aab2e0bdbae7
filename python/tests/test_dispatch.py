"""Which rows go through which expert of a device, in a generated package of grouped matmuls: each
entry of its experts in just one round, among the rows of its expert, whatever the ids are; and each of
them once among those of its token."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from moegen_worker.package import loading

GENERATED = Path(__file__).parents[2] / "generated" / "qwen3_30b_a3b_ep1"
GROUP, DEVICES, LOCAL, TOP_K = 16, 8, 4, 4


def some_ids(kind: str, count: int) -> np.ndarray:
    """(count, TOP_K) expert ids: of all devices alike, of one device alone, or out of range too."""
    random = np.random.default_rng(count)
    if kind == "hostile":
        ids = random.integers(-3, LOCAL * DEVICES + 3, (count, TOP_K))
        ids[0, 0], ids[-1, -1] = np.iinfo(np.int32).min, np.iinfo(np.int32).max
        return ids.astype(np.int32)
    most = LOCAL if kind == "one device" else LOCAL * DEVICES
    chosen = [random.permutation(most)[:TOP_K] for _ in range(count)]
    return np.stack(chosen).astype(np.int32)


def check_by_token(package: tuple[Any, Any, Any], rows: Any, wanted: np.ndarray) -> None:
    """The list by token of one round has the `wanted` entries, each block's within its bounds."""
    shapes, dispatch, shape = package
    weights = np.random.default_rng(1).random((shape.all_tokens, TOP_K), np.float32)
    listed = dispatch.list_by_token(shape, rows, jnp.asarray(weights))
    first, entries, chosen = (np.asarray(array) for array in listed)
    assert len(entries) == len(chosen) >= first[-1] + shapes.UNROLL
    assert first[0] == 0 and (np.diff(first) >= 0).all() and first[-1] == len(wanted)
    places = entries & shapes.PLACE_MASK
    # What is read beyond the end is in range too.
    assert (places < shape.rows).all()
    assert (entries >> shapes.PLACE_BITS < shape.sum_block).all()
    own = slice(0, first[-1])
    numbers = np.asarray(rows.entries)[places[own]]
    assert (np.diff(numbers) > 0).all() and sorted(numbers) == sorted(wanted)
    block = np.repeat(np.arange(shape.sum_blocks), np.diff(first))
    tokens = block * shape.sum_block + (entries[own] >> shapes.PLACE_BITS)
    assert (tokens == numbers // TOP_K).all()
    assert (chosen[own] == weights.reshape(-1)[numbers]).all()


@pytest.mark.parametrize("kind", ["uniform", "one device", "hostile"])
# Of 24 tokens a second round has room for entries that there are not.
@pytest.mark.parametrize("count", [8, 24, 64, 1000])
def test_every_entry_is_in_one_round(
    monkeypatch: pytest.MonkeyPatch, kind: str, count: int
) -> None:
    package = loading.load(GENERATED)
    shapes = package.shapes
    dispatch = importlib.import_module(shapes.__name__.replace("shapes", "dispatch"))
    for module in (shapes, dispatch):
        for name, value in (("EP_SIZE", DEVICES), ("LOCAL_EXPERTS", LOCAL), ("TOP_K", TOP_K)):
            monkeypatch.setattr(module, name, value, raising=False)
    (entry, *_), *_ = package.tiles.TILE_TABLE.values()
    shape = shapes.Shape(device_share=count // DEVICES, tiles=entry)
    ids = some_ids(kind, count)
    for device in (0, DEVICES - 1):
        own = ids.reshape(-1).astype(np.int64) - device * LOCAL
        entries = dispatch.sort_entries(jnp.asarray(ids) - device * LOCAL)
        wanted = np.flatnonzero((own >= 0) & (own < LOCAL))
        assert int(entries.first[LOCAL]) == len(wanted)
        seen = []
        for index in range(-(-len(wanted) // shape.round_entries)):
            rows = dispatch.rows_of_round(shape, entries, index)
            first, counts, tokens, numbers = (np.asarray(array) for array in rows)
            assert (first % GROUP == 0).all() and counts.sum() <= shape.round_entries
            held = np.concatenate(
                [np.arange(begin, begin + rows) for begin, rows in zip(first, counts, strict=True)]
            )
            # No expert's groups reach into another's, nor past the end.
            ends = first + -(-counts // GROUP) * GROUP
            assert (ends[:-1] <= first[1:]).all() and ends[-1] <= shape.rows
            assert (own[numbers[held]] == np.repeat(np.arange(LOCAL), counts)).all()
            assert (tokens[held] == numbers[held] // TOP_K).all()
            others = np.delete(np.arange(shape.rows), held)
            assert (tokens[others] == shape.all_tokens).all()
            check_by_token((shapes, dispatch, shape), rows, numbers[held])
            seen.extend(numbers[held])
        assert sorted(seen) == wanted.tolist()


def test_a_device_with_all_entries_takes_several_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    package = loading.load(GENERATED)
    for name, value in (("EP_SIZE", DEVICES), ("LOCAL_EXPERTS", LOCAL), ("TOP_K", TOP_K)):
        monkeypatch.setattr(package.shapes, name, value)
    (entry, *_), *_ = package.tiles.TILE_TABLE.values()
    shape = package.shapes.Shape(device_share=125, tiles=entry)
    assert (shape.round_entries, shape.rows) == (750, 816)
    assert -(-shape.all_tokens * TOP_K // shape.round_entries) == 6
