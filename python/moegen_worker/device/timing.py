"""Calls of generated kernels on real devices, checked first and then timed in turns."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..package import arguments
from ..package.loading import MoePackage
from ..simulate import interpreter
from ..validate.bench import Bench
from ..validate.cases import CASES
from ..validate.inputs import Inputs
from ..validate.judging import Verdict, failed
from ..validate.programs import Target
from ..wire.errors import OpError
from . import cached, trace

# Rows of a call that are compared: a row's result depends on no other row, and the float32
# reference of all rows would take longer than all that is timed.
CHECKED_ROWS = 32
BACKENDS = ("tpu", "cpu")


def devices(backend: str, count: int, kind: str | None = None) -> list[Any]:
    """The first `count` devices, of that kind where one is named.

    Raises:
        OpError: "NO_DEVICE", JAX finds none; "DEVICE_KIND", they are of another kind; "DEVICES",
            they are too few.
    """
    import jax

    try:
        found = jax.devices(backend)
    except RuntimeError as error:
        raise OpError("NO_DEVICE", f"JAX finds no {backend.upper()}: {error}") from error
    if backend == "tpu" and kind is not None and found[0].device_kind != kind:
        have = found[0].device_kind
        raise OpError("DEVICE_KIND", f"the host has {have} and not {kind}", deviceKind=have)
    if len(found) < count:
        message = f"{count} devices needed, {len(found)} there"
        raise OpError("DEVICES", message, needed=count, found=len(found))
    return found[:count]


def program(number: int) -> str:
    """What traces call the program of a call."""
    return f"moegen_{number}"


def lowered(
    package: MoePackage,
    place: arguments.Placement,
    wanted: Sequence[arguments.Argument],
    name: str,
    options: dict[str, Any] | None = None,
) -> Any:
    """A call, traced: the same text wherever it is to run and whoever compiles it."""
    import jax

    def call(*given: Any) -> Any:
        return package.kernel.fused_ep_moe(place.mesh, *given, **(options or {}))

    # The trace names a program after its function.
    call.__name__ = call.__qualname__ = name
    return jax.jit(call).lower(*[place.struct(argument) for argument in wanted])


@dataclasses.dataclass(frozen=True)
class Call:
    """A compiled call with its arguments on the devices."""

    program: str
    run: Callable[[], Any]
    inputs: Inputs
    bench: Bench
    # Another machine had compiled it.
    known: bool = False

    def check(self) -> Verdict:
        """Some rows of a result against the float32 reference, computed on the CPU."""
        import jax

        try:
            result = np.asarray(jax.block_until_ready(self.run()))
        except Exception as error:  # noqa: BLE001 - a kernel that does not run is a finding
            return failed(
                "the kernel does not run", error=f"{type(error).__name__}: {error}"[:3000]
            )
        count = result.shape[0]
        rows = np.unique(np.linspace(0, count - 1, min(count, CHECKED_ROWS)).astype(int))
        inputs = self.inputs
        few = dataclasses.replace(
            inputs,
            tokens=inputs.tokens[:, rows],
            logits=inputs.logits[:, rows],
            weights=inputs.weights[:, rows],
            ids=inputs.ids[:, rows],
        )
        with jax.default_device(jax.devices("cpu")[0]):
            verdict = self.bench.judge(few, result[None, rows], self.bench.device_of(count)[rows])
            return {**verdict, "rows": len(rows)}


class Caller:
    """Makes calls of packages of one layer: the model's weights lie on the devices once."""

    def __init__(self, chosen: Sequence[Any], backend: str, seed: int) -> None:
        self._devices, self._backend, self._seed = list(chosen), backend, seed
        self._owned: dict[str, Any] = {}

    def make(self, target: Target, tokens: int, program: str, kept: Path | None = None) -> Call:
        """A call of T tokens, compiled and with its arguments on the devices; `program` names it in
        traces. What another machine compiled of it is looked for in `kept`."""
        import jax

        package, layer = target.package, target.layer
        place = arguments.place(package, self._devices, target.token_axes)
        case = next(case for case in CASES if case.name == "uniform")
        with jax.default_device(jax.devices("cpu")[0]):
            bench = Bench(target, self._seed, [(case, min(tokens, CHECKED_ROWS))])
            inputs = bench.inputs(case, tokens)
        options = {"interpret": interpreter.params()} if self._backend == "cpu" else {}
        wanted = arguments.of(package, layer, tokens)
        arrays = []
        for argument in wanted:
            if argument.owned:
                if argument.name not in self._owned:
                    array = bench.weights()[argument.name]
                    self._owned[argument.name] = jax.device_put(array, place.sharding(argument))
                arrays.append(self._owned[argument.name])
            else:
                array = inputs.of_call(argument.name)[0]
                arrays.append(jax.device_put(array, place.sharding(argument)))

        with cached.cache(kept) if kept is not None else contextlib.nullcontext() as found:
            told = package.compiler_options(tokens) if self._backend == "tpu" else None
            compiled = lowered(package, place, wanted, program, options).compile(told)
        known = found is not None and found.hits > 0
        return Call(program, lambda: compiled(*arrays), inputs, bench, known)


def timed(
    calls: Sequence[Call], backend: str, warmup: int, repetitions: int, said: Callable[[str], None]
) -> list[list[float]]:
    """Seconds of each repetition of each call. Calls take turns, so that whatever changes on the
    host meanwhile changes for all: device time on a TPU, wall time on a CPU."""
    import jax

    def rounds(count: int, what: str) -> list[list[float]]:
        walls: list[list[float]] = [[] for _ in calls]
        for number in range(count):
            said(f"{what} {number + 1} of {count}")
            for call, wall in zip(calls, walls, strict=True):
                start = time.perf_counter()
                jax.block_until_ready(call.run())
                wall.append(time.perf_counter() - start)
        return walls

    rounds(warmup, "warm-up")
    if backend == "cpu":
        return rounds(repetitions, "repetition")
    with tempfile.TemporaryDirectory(prefix="moegen-trace-") as folder:
        with jax.profiler.trace(folder):
            rounds(repetitions, "repetition")
        data = trace.read(Path(folder))
    return [trace.device_seconds(data, call.program, repetitions) for call in calls]
