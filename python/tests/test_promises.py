"""An index is what a kernel promises it to be, as long as it is simulated."""

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import pallas as pl

from moegen_worker.simulate import interpreter, promises


def promised(index):
    return jax.jit(lambda traced: pl.multiple_of(traced, 8))(index)


def test_a_false_promise_moves_the_index():
    with promises.held():
        assert int(promised(jnp.int32(13))) == 8
        assert int(promised(jnp.int32(16))) == 16
    assert int(promised(jnp.int32(13))) == 13


def test_of_an_index_that_is_known_it_is_an_error():
    with promises.held():
        assert pl.multiple_of(16, 8) == 16
        with pytest.raises(ValueError, match="13 is promised to be a multiple of 8"):
            pl.multiple_of(13, 8)


def test_runs_are_held_to_promises():
    outcome = interpreter.run(lambda: promised(jnp.int32(13)))
    assert outcome.clean and int(outcome.value) == 8
