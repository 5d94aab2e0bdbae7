"""Times calls of generated kernels on this host's devices, each checked first.

Params: `layer` (the plan's), `tokenAxes` (null: all of the package's), `backend` ("tpu", or "cpu":
interpreted), `deviceKind` (null: whatever is there), `kernels` ([{name, files, tokens,
entry}]: packages of this layer as their files, T, and what `ahead` gave of the call, if anything; none: only
says what is there), `warmup`, `repetitions`, `seed`.
Events: `step` with `what`. Result: `{deviceKind, clock, bound, calls: [{tokens, check, seconds,
known}]}`; `known`: it was compiled elsewhere;
`clock` is "device" (from the profiler's trace) or "cpu" (wall time of interpreted kernels), and
`seconds` is null where a kernel is wrong: what is wrong is not timed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..package.files import write
from ..wire.errors import OpError
from .hello import tpu_present


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Compiles and checks each kernel, then times those that are right, in turns.

    Raises:
        OpError: "NO_DEVICE", there is no TPU; "BAD_REQUEST", there is no such back end; and what
            calls raise.
    """
    backend = str(params["backend"])
    if backend == "tpu" and not tpu_present():
        raise OpError("NO_DEVICE", "this host has no TPU")

    from ..device import cached, timing
    from ..package import loading as packages
    from ..validate.programs import Target

    if backend not in timing.BACKENDS:
        raise OpError("BAD_REQUEST", f"no back end {backend!r}; known: {timing.BACKENDS}")
    axes = params.get("tokenAxes")
    token_axes = None if axes is None else tuple(axes)
    calls, checks = [], []
    with tempfile.TemporaryDirectory(prefix="moegen-") as folder:
        caller = None
        # Without kernels: what is there.
        chosen = timing.devices(backend, 1, params.get("deviceKind"))
        for number, kernel in enumerate(params["kernels"]):
            name, tokens = str(kernel["name"]), int(kernel["tokens"])
            below = Path(folder) / str(number)
            write(kernel["files"], below)
            package = packages.load(below / name)
            if caller is None:
                chosen = timing.devices(backend, package.devices, params.get("deviceKind"))
                caller = timing.Caller(chosen, backend, int(params.get("seed", 0)))
            emit("step", what=f"T = {tokens}: compiling")
            target = Target(package, params["layer"], token_axes)
            kept = None
            if kernel.get("entry") is not None:
                kept = Path(folder) / f"kept-{number}"
                kept.mkdir()
                cached.put(kernel["entry"], kept)
            call = caller.make(target, tokens, timing.program(number), kept)
            emit("step", what=f"T = {tokens}: checking")
            calls.append(call)
            checks.append(call.check())
        right = [call for call, check in zip(calls, checks, strict=True) if check["ok"]]
        counts = int(params["warmup"]), int(params["repetitions"])
        found = (
            timing.timed(right, backend, *counts, lambda what: emit("step", what=what))
            if right
            else []
        )
    seconds = dict(zip([call.program for call in right], found, strict=True))
    return {
        "deviceKind": chosen[0].device_kind,
        "clock": "device" if backend == "tpu" else "cpu",
        "calls": [
            {
                "tokens": int(kernel["tokens"]),
                "check": check,
                "seconds": seconds.get(call.program),
                "known": call.known,
            }
            for kernel, call, check in zip(params["kernels"], calls, checks, strict=True)
        ],
    }
