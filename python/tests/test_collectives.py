"""Collectives between simulated devices in turns give what XLA's give, and let go of those that wait for
a device which fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moegen_worker.simulate import interpreter
from moegen_worker.simulate.collectives import Meetings
from moegen_worker.simulate.machine import Machine
from moegen_worker.simulate.order import of_seed

AXES = ("data", "tensor")


def on_devices(body: Any, array: Any, machine: Machine | None = None) -> interpreter.Outcome:
    """`body` of each of four devices' rows of an array; in turns, where there is a machine."""
    import jax
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    interpreter.quicken()
    mesh, rows = jax.make_mesh((2, 2), AXES, devices=jax.devices()[:4]), P(AXES)
    array = jax.device_put(array, NamedSharding(mesh, rows))
    mapped = jax.shard_map(body, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)
    program = jax.jit(mapped).lower(array).compile()
    return interpreter.run(lambda: program(array), machine)


def turns() -> Machine:
    """Four devices, one of them ahead."""
    return Machine(4, 1, of_seed(4, 4), False, ())


@pytest.mark.parametrize("axes", [AXES, ("data",), ("tensor",), ("tensor", "data"), "tensor"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_values_are_those_of_xla(axes: Any, dtype: str) -> None:
    import jax.numpy as jnp
    from jax import lax

    def body(of: Any, rows: Any) -> Any:
        # Twice, and in a loop: each visit of a place is one of its own.
        def step(at: Any, sums: Any) -> Any:
            gathered = of.all_gather(rows + at.astype(rows.dtype), axes, tiled=True)
            most = of.pmax(jnp.max(rows), axes)
            return sums + of.psum_scatter(gathered, axes, tiled=True) + most

        return lax.fori_loop(0, 2, step, jnp.zeros_like(rows))

    array = jnp.arange(16 * 3, dtype=dtype).reshape(16, 3)
    expected = on_devices(lambda rows: body(lax, rows), array)
    found = on_devices(lambda rows: body(Meetings(AXES), rows), array, turns())
    assert found.error is None and expected.error is None
    assert found.value.dtype == array.dtype
    assert (np.asarray(found.value) == np.asarray(expected.value)).all()
    # All devices' rows are summed, as often as there are devices beside.
    assert np.asarray(found.value).any()


def test_a_device_that_fails_ends_the_wait_of_the_others() -> None:
    import jax
    from jax import lax

    from moegen_worker.simulate import install

    def fail(device: Any, value: Any) -> np.ndarray:
        if int(device) == 2:
            error = ValueError("no copy of device 2")
            install.in_turns().turns.fail(error)
            raise error
        return np.asarray(value)

    def body(rows: Any) -> Any:
        device = lax.axis_index(AXES)
        passed = jax.experimental.io_callback(fail, rows, device, rows)
        return Meetings(AXES).psum_scatter(passed, AXES, tiled=True)

    array = np.ones((16, 3), np.float32)
    outcome = on_devices(body, array, turns())
    assert outcome.value is None
    assert "no copy of device 2" in str(outcome.error)
    # The next program runs as if nothing had been.
    after = on_devices(lambda rows: Meetings(AXES).pmax(rows + 1, AXES), array, turns())
    assert (np.asarray(after.value) == 2).all()


def test_a_program_for_turns_runs_in_turns_alone() -> None:
    array = np.ones((4, 1), np.float32)
    outcome = on_devices(lambda rows: Meetings(AXES).pmax(rows, AXES), array)
    assert "the program is for runs in turns" in str(outcome.error)
