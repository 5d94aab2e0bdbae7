"""Device time is read out of a trace, and is nobody's wall time; what is wrong has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.profiler import ProfileData

from moegen_worker.device import timing, trace
from moegen_worker.ops import time as time_op
from moegen_worker.package.files import write
from moegen_worker.wire.errors import OpError

LAYER = {
    "topK": 2,
    "activation": "silu",
    "routing": {
        "where": "kernel",
        "scoring": "softmax",
        "renormalize": True,
        "scalingFactor": 1.0,
    },
}
# Every weight counts twice.
WRONG = (
    "                acc[peer] += weight * dot(hidden, w2_tile[...])\n",
    "                acc[peer] += 2.0 * weight * dot(hidden, w2_tile[...])\n",
)


def plane(name: str, line: str, durations_ns: list[int], program: str = "jit_moegen_0(17)") -> str:
    """One plane of a trace, as the profiler writes it."""
    events = "".join(
        f"events {{ metadata_id: 1 offset_ps: {10_000_000 * at} duration_ps: {1000 * duration} }}\n"
        for at, duration in enumerate(durations_ns)
    )
    metadata = f'event_metadata {{ key: 1 value {{ id: 1 name: "{program}" }} }}'
    return f'planes {{ name: "{name}" lines {{ name: "{line}" {events} }} {metadata} }}\n'


def trace_of(*planes: str) -> ProfileData:
    return ProfileData.from_serialized_xspace(
        ProfileData.text_proto_to_serialized_xspace("".join(planes))
    )


def test_a_call_takes_as_long_as_its_slowest_device():
    data = trace_of(
        plane("/device:TPU:0", "XLA Modules", [100, 300]),
        plane("/device:TPU:1", "XLA Modules", [200, 100]),
        plane("/device:TPU:2", "XLA Modules", []),
        plane("/host:CPU", "XLA Modules", [9000, 9000]),
        plane("/device:TPU:0", "XLA Ops", [50, 50]),
        plane("/device:TPU:0", "XLA Modules", [7, 7, 7], "jit_other(3)"),
    )
    assert trace.device_seconds(data, "moegen_0", 2) == pytest.approx([200e-9, 300e-9])


def test_calls_that_the_trace_lacks_are_an_error_and_not_a_figure():
    data = trace_of(plane("/device:TPU:0", "XLA Modules", [100]))
    with pytest.raises(OpError, match="2 calls of moegen_0 were made and the trace has 1"):
        trace.device_seconds(data, "moegen_0", 2)


def test_a_trace_of_a_cpu_has_no_device_time(tmp_path):
    with jax.profiler.trace(str(tmp_path)):
        jax.block_until_ready(jax.jit(lambda x: x + 1)(jnp.zeros(8)))
    with pytest.raises(OpError, match="the trace has none"):
        trace.device_seconds(trace.read(tmp_path), "moegen_0", 1)


def test_without_a_tpu_nothing_is_timed():
    with pytest.raises(OpError, match="no TPU"):
        time_op.run({"backend": "tpu"}, None)
    with pytest.raises(OpError, match="devices needed"):
        timing.devices("cpu", 10_000)


def test_a_package_stays_in_its_folder(tmp_path):
    with pytest.raises(OpError, match="leaves the package"):
        write({"../x.py": ""}, tmp_path / "below")


def kernel(folder: Path, tokens: int = 32) -> dict[str, Any]:
    files = {f"{folder.name}/{file.name}": file.read_text() for file in folder.glob("*.py")}
    return {"name": folder.name, "files": files, "tokens": tokens}


def test_what_is_wrong_is_not_timed_and_the_rest_takes_turns(broken: Any, tiny: Path) -> None:
    wrong = broken("wrong", *WRONG)
    said: list[str] = []
    result = time_op.run(
        {
            **{"layer": LAYER, "backend": "cpu", "warmup": 1, "repetitions": 2},
            "kernels": [kernel(wrong), kernel(tiny), kernel(tiny, 48)],
        },
        lambda event, what: said.append(what),
    )
    assert result["clock"] == "cpu" and result["deviceKind"] == "cpu"
    bad, good, longer = result["calls"]
    assert bad["seconds"] is None and not bad["check"]["ok"]
    assert "relative error" in bad["check"]["failure"]["message"]
    for call, tokens in (good, 32), (longer, 48):
        assert call["tokens"] == tokens and call["check"]["ok"] and call["check"]["rows"] == 32
        assert len(call["seconds"]) == 2 and min(call["seconds"]) > 0
    assert said[-2:] == ["repetition 1 of 2", "repetition 2 of 2"]
