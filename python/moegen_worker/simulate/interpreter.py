"""Runs a program on simulated devices and finds out what went wrong.

JAX's interpreter reports a data race, and a semaphore that is not zero at the end, by printing;
an out-of-bounds read raises inside a callback and comes back wrapped by the runtime.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Machine
    from .threads import Threads

# More would only repeat the same fault for each row or each device.
MOST_REPORTS = 8


def params() -> Any:
    """The strictest mode: races looked for, memory poisoned, copies made as late as possible."""
    from jax.experimental.pallas import tpu as pltpu

    return pltpu.InterpretParams(
        detect_races=True,
        dma_execution_mode="on_wait",
        out_of_bounds_reads="raise",
        uninitialized_memory="nan",
    )


def quicken() -> bool:
    """Makes the interpreter's callbacks about four times as quick (measured); True if done.

    The interpreter is one Python callback for each load, store, copy and wait. JAX turns every
    argument of a callback into a JAX array on device 0, and the interpreter turns each straight
    back into an int or a copied numpy array, so the detour only costs. This replaces it by the
    numpy arrays that the runtime passes, wherever JAX is still built the way this was written for.
    """
    import jax
    import numpy as np

    from ..wire.progress import counter
    from . import accesses, install, races

    races.install()
    install.install()
    try:
        from jax._src import callback as callbacks
        from jax._src.pallas.mosaic.interpret import (
            interpret_pallas_call as interpreter,
        )

        original = callbacks.io_callback_impl
        names = set(inspect.signature(original).parameters)
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
    if names != {"args", "result_avals", "callback", "sharding", "ordered"}:
        return False
    known = accesses.Accesses(interpreter)

    def direct(*args: Any, result_avals: Any, callback: Any, sharding: Any, ordered: bool) -> Any:
        del result_avals, sharding, ordered
        counter.steps += 1
        access = known.of(callback)
        made = None if access is None else access.make(args)
        if made is not None:
            return made
        return jax.tree_util.tree_map(np.asarray, callback(*args))

    callbacks.io_callback_impl = direct
    return True


class _Capture(io.TextIOBase):
    """A stdout that keeps the first printed reports and counts the rest."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            if "RACE DETECTED" in text or "non-zero count" in text:
                self.count += 1
                if len(self.lines) < MOST_REPORTS:
                    self.lines.append(text)
        return len(text)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run gave: a value, or the text of what stopped it; and races either way."""

    value: Any = None
    races: tuple[str, ...] = ()
    semaphores: tuple[str, ...] = ()
    out_of_bounds: str | None = None
    error: str | None = None
    # Of a run in turns: copies that a call leaves behind.
    unfinished: tuple[str, ...] = ()
    # Who waits for what, where all devices wait for ever.
    deadlock: str | None = None
    # Of a run in turns: copies that were started.
    copies: int | None = None

    @property
    def clean(self) -> bool:
        """Whether the run came to its end with no fault seen; its value may still be wrong."""
        stopped = self.out_of_bounds or self.error or self.deadlock
        return not (self.races or self.semaphores or self.unfinished or stopped)


def tidy_race(text: str) -> str:
    """A race report without vector clocks: who read or wrote what, and where."""
    kept = [line for line in text.splitlines() if line.strip() and "clock:" not in line]
    text = " ".join(line.strip() for line in kept)
    text = re.sub(r"slice\((\d+), (\d+), 1\)", r"\1:\2", text)
    return re.sub(r"np\.int\d+\((\d+)\)", r"\1", text.replace("RACE DETECTED", "").strip())


def _innermost(error: BaseException) -> str:
    """The line that says what happened, out of the runtime's wrapping of a callback's failure."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        found = re.search(r"(Out-of-bounds .*)$", line)
        if found:
            return found.group(1)
    raised = [line for line in lines if re.match(r"^[A-Za-z_.]*(Error|Exception)\b.*:", line)]
    picked = raised[-1] if raised else (lines[0] if lines else type(error).__name__)
    return picked[:1500]


def _forget_effects() -> None:
    """Drops the token by which JAX orders one program's effects after another's: that of a failed
    program carries its failure into every program after it."""
    try:
        from jax._src import dispatch

        dispatch.runtime_tokens.clear()
    except (ImportError, AttributeError):
        pass


def run(program: Callable[[], Any], devices: Machine | Threads | None = None) -> Outcome:
    """Runs `program` (which must block until its result is there) under watch; in turns where
    `devices` are a machine, as threads come otherwise."""
    import jax
    from jax.experimental.pallas import tpu as pltpu

    from . import install, promises
    from .machine import Machine

    machine = devices if isinstance(devices, Machine) else None
    capture = _Capture()
    value, error = None, None
    # The simulated devices print from their own threads: sys.stdout is one for all of them.
    with contextlib.redirect_stdout(capture), install.running(devices), promises.held():
        try:
            value = jax.block_until_ready(program())
        except Exception as failure:  # noqa: BLE001 - any failure of a kernel is a finding
            error = _innermost(failure)
    if error is not None or machine is not None:
        pltpu.reset_tpu_interpret_mode_state()
    if error is not None:
        _forget_effects()
    reports = [tidy_race(text) for text in capture.lines]
    races = [text for text in reports if "non-zero count" not in text]
    semaphores = [text for text in reports if "non-zero count" in text]
    unfinished = []
    if machine is not None:
        semaphores += machine.semaphores
        unfinished = machine.unfinished
        # The runtime tells of one device; the machine knows what came first.
        error = machine.failure or error
    deadlock = None if devices is None else devices.deadlock
    out_of_bounds = error if error is not None and error.startswith("Out-of-bounds") else None
    return Outcome(
        value=value,
        races=tuple(dict.fromkeys(races)),
        semaphores=tuple(dict.fromkeys(semaphores)),
        out_of_bounds=out_of_bounds,
        error=None if out_of_bounds or deadlock else error,
        unfinished=tuple(dict.fromkeys(unfinished)),
        deadlock=deadlock,
        copies=None if machine is None else machine.copies,
    )
