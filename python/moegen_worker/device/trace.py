"""Device time out of a profiler's trace: never wall time, which holds the host's work too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..wire.errors import OpError

# Planes of TensorCores, and the line of a plane with one event for each run of a program.
DEVICE_PLANE = "/device:TPU:"
PROGRAMS = "XLA Modules"


def read(folder: Path) -> Any:
    """What `jax.profiler.trace` wrote below the folder.

    Raises:
        OpError: "TRACE", it wrote none or several.
    """
    from jax.profiler import ProfileData

    files = sorted(folder.rglob("*.xplane.pb"))
    if len(files) != 1:
        raise OpError("TRACE", f"the profiler wrote {len(files)} traces where one was expected")
    return ProfileData.from_file(str(files[0]))


def device_seconds(data: Any, program: str, calls: int) -> list[float]:
    """Seconds of each call of the jitted function `program`: of a call's devices the slowest.

    Raises:
        OpError: "TRACE", a device has another number of calls.
    """
    by_device: list[list[float]] = []
    planes = [plane.name for plane in data.planes]
    for plane in data.planes:
        if not plane.name.startswith(DEVICE_PLANE):
            continue
        # "jit_NAME(FINGERPRINT)"
        runs = [
            (event.start_ns, event.duration_ns)
            for line in plane.lines
            if line.name == PROGRAMS
            for event in line.events
            if event.name.split("(")[0] == f"jit_{program}"
        ]
        if runs:
            by_device.append([duration * 1e-9 for _, duration in sorted(runs)])
    counts = {len(runs) for runs in by_device}
    if counts != {calls}:
        seen = ", ".join(str(count) for count in sorted(counts)) or "none"
        message = f"{calls} calls of {program} were made and the trace has {seen}"
        raise OpError("TRACE", message, planes=planes)
    return [max(call) for call in zip(*by_device, strict=True)]
