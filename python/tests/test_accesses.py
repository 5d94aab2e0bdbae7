"""Loads and stores without the interpreter's detours: the same values, and the same failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from moegen_worker.simulate import accesses, interpreter

ROWS, LANES = 16, 128


def kernel(places: Any, x: Any, o: Any, words: Any) -> None:
    """One index and slices, strided and static ones, whole references, scalars."""
    words[0] = places[0]
    o[...] = jnp.zeros_like(o)

    @pl.loop(0, 4)
    def _(n: Any) -> None:
        o[pl.ds(4 * n, 2), :] = x[pl.ds(places[n], 2), :]
        o[4 * n + 2] = x[words[0]]

    o[3, pl.ds(0, LANES)] = x[pl.ds(1, 8, 2), :].sum(axis=0)


def program(places: list[int]) -> Any:
    """Builds and runs it."""
    call = pl.pallas_call(
        kernel,
        out_shape=jax.ShapeDtypeStruct((ROWS, LANES), jnp.float32),
        in_specs=[
            pl.BlockSpec(memory_space=pltpu.SMEM),
            pl.BlockSpec(memory_space=pltpu.VMEM),
        ],
        out_specs=pl.BlockSpec(memory_space=pltpu.VMEM),
        scratch_shapes=[pltpu.SMEM((4,), jnp.int32)],
        interpret=interpreter.params(),
    )
    x = np.arange(ROWS * LANES, dtype=np.float32).reshape(ROWS, LANES)
    built = jax.jit(call).lower(np.array(places, np.int32), x).compile()
    return interpreter.run(lambda: built(np.array(places, np.int32), x))


@pytest.fixture(params=[True, False], ids=["quick", "the interpreter's own"])
def made(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether each access was made without the interpreter; all are left to it in one of two."""
    interpreter.quicken()
    found: list[bool] = []
    original = accesses.Access.make

    def make(self: Any, args: Any) -> Any:
        result = original(self, args) if request.param else None
        found.append(result is not None)
        return result

    monkeypatch.setattr(accesses.Access, "make", make)
    yield found
    assert found and (request.param or not any(found))


def test_values_are_those_of_the_references(made: list[bool]) -> None:
    outcome = program([3, 0, 9, 14])
    assert outcome.clean and len(made) > 12 and len(set(made)) == 1
    x = np.arange(ROWS * LANES, dtype=np.float32).reshape(ROWS, LANES)
    wanted = np.zeros_like(x)
    for n, place in enumerate([3, 0, 9, 14]):
        wanted[4 * n : 4 * n + 2] = x[place : place + 2]
        wanted[4 * n + 2] = x[3]
    wanted[3] = x[1::2].sum(axis=0)
    assert np.array_equal(np.asarray(outcome.value), wanted)


@pytest.mark.parametrize("place", [15, 16, 400, -1])
def test_what_is_out_of_bounds_is_told_alike(made: list[bool], place: int) -> None:
    outcome = program([3, 0, place, 14])
    assert not made[-1]
    assert outcome.value is None and "Out-of-bounds read" in outcome.out_of_bounds
    # Nothing of the failure is left for the next kernel.
    assert program([3, 0, 9, 14]).clean
