"""Puts the machine, or a watch over threads, in the place of the interpreter's functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..wire.errors import OpError
from .machine import Machine
from .threads import Threads

# The interpreter's functions and their parameters, as this was written for.
EXPECTED = {
    "_initialize_shared_memory": "token device_id num_devices num_cores_per_device interpret_params",
    "_allocate_buffer": "token device_id local_core_id memory_space val source_info",
    "_allocate_semaphores": "token device_id local_core_id shape",
    "_barrier": "token device_id",
    "_validate": "token device_id",
    "_clean_up_shared_memory": "token device_id",
    "dma_start": (
        "token device_id src_local_core_id src_memory_space src_id src_transforms"
        " dst_memory_space dst_id dst_transforms dst_sem_id src_sem_id dst_device_id source_info"
    ),
    "dma_wait": "token device_id local_core_id sem_id size source_info",
    "semaphore_signal": (
        "token device_id local_core_id sem_id inc target_device_id target_local_core_id source_info"
    ),
    "semaphore_wait": "token device_id local_core_id sem_id value source_info",
}

# The interpreter's way to wait, which Threads does over again.
WAIT = "self value global_core_id has_tasks logging_info"

_running: Machine | Threads | None = None
_installed: bool | None = None


@contextmanager
def running(chosen: Machine | Threads | None) -> Iterator[None]:
    """Programs that run meanwhile run on `chosen`; None: as JAX runs them. Another JAX's threads
    run unwatched: a deadlock there is a run that stands still.

    Raises:
        OpError: "INTERPRETER", turns are asked for and this JAX's interpreter is another.
    """
    global _running
    if isinstance(chosen, Machine) and not install():
        raise OpError("INTERPRETER", "this JAX's interpreter is not the one that turns are for")
    _running = chosen
    try:
        yield
        if isinstance(chosen, Machine):
            chosen.end()
    finally:
        _running = None


def in_turns() -> Machine:
    """What the program that runs runs on.

    Raises:
        OpError: "INTERPRETER", it does not run in turns.
    """
    if not isinstance(_running, Machine):
        raise OpError("INTERPRETER", "the program is for runs in turns")
    return _running


def install() -> bool:
    """True where JAX is still built the way this was written for; before programs are built."""
    global _installed
    if _installed is None:
        _installed = _install()
    return _installed


def _install() -> bool:
    try:
        from jax._src.pallas.mosaic.interpret import interpret_pallas_call as jax
        from jax._src.pallas.mosaic.interpret.shared_memory import Semaphore
    except ImportError:
        return False
    if list(inspect.signature(Semaphore.wait).parameters) != WAIT.split():
        return False
    for name, parameters in EXPECTED.items():
        function = getattr(jax, name, None)
        if function is None or list(inspect.signature(function).parameters) != parameters.split():
            return False

    def replace(
        name: str, instead: Callable[..., Any], watched: Callable[..., Any] | None = None
    ) -> None:
        """`instead(machine, original, *arguments)` where there is a machine; `watched` threads."""
        original = getattr(jax, name)
        inside = getattr(original, "__wrapped__", original)

        @functools.wraps(original)
        def either(*args: Any, **options: Any) -> Any:
            chosen = _running
            if isinstance(chosen, Machine):
                return instead(chosen, inside, *args, **options)
            if isinstance(chosen, Threads) and watched is not None:
                return watched(chosen, inside, *args, **options)
            return inside(*args, **options)

        # What fails inside is the device's failure, as it was.
        setattr(jax, name, jax.fail_on_exception(either) if inside is not original else either)

    def initialize(machine: Machine, original: Any, token: Any, device: Any, *sizes: Any, **o: Any):
        original(token, device, *sizes, **o)
        machine.enter(jax, int(device))
        return token

    def allocate_buffer(
        machine: Machine, original: Any, token: Any, device: Any, core: Any, space: Any, *rest: Any
    ):
        token, buffer = original(token, device, core, space, *rest)
        name = jax.TPU_MEMORY_SPACE_NAMES[int(space)]
        machine.allocated(jax, int(device), name, int(buffer))
        return token, buffer

    def allocate_semaphores(
        devices: Machine | Threads, original: Any, token: Any, device: Any, *rest: Any
    ):
        token, ids = original(token, device, *rest)
        devices.numbers.numbered(int(ids.ravel()[0]), ids.size)
        return token, ids

    def barrier(machine: Machine, original: Any, token: Any, device: Any):
        # A kernel without a barrier of its own has none on a TPU.
        return token

    def validate(machine: Machine, original: Any, token: Any, device: Any):
        return token

    def clean_up(machine: Machine, original: Any, token: Any, device: Any):
        machine.leave(jax, int(device))
        return token

    def dma_start(machine: Machine, original: Any, token: Any, *arguments: Any, source_info=None):
        machine.start(jax, arguments, source_info)
        return token

    def wait(
        devices: Machine | Threads, original: Any, token: Any, *numbers: Any, source_info=None
    ):
        devices.wait(jax, *map(int, numbers), source_info)
        return token

    def signal(machine: Machine, original: Any, token: Any, device: Any, *rest: Any, **o: Any):
        machine.turns.pause(int(device))
        return original(token, device, *rest, **o)

    replace("_initialize_shared_memory", initialize)
    replace("_allocate_buffer", allocate_buffer)
    replace("_allocate_semaphores", allocate_semaphores, allocate_semaphores)
    replace("_barrier", barrier)
    replace("_validate", validate)
    replace("_clean_up_shared_memory", clean_up)
    replace("dma_start", dma_start)
    replace("dma_wait", wait, wait)
    replace("semaphore_signal", signal)
    replace("semaphore_wait", wait, wait)
    return True
