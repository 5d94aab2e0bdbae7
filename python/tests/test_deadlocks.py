"""A deadlock of threads as they come is told exactly, names who waits, and costs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moegen_worker.ops import validate
from moegen_worker.wire import progress

WAIT = "    pl.semaphore_wait(barrier, EP_SIZE - 1)\n"
ROUTING = {"where": "kernel", "scoring": "softmax", "renormalize": True, "scalingFactor": 1.0}


def run(folder: Path, *cases: str) -> list[dict[str, Any]]:
    layer = {"topK": 2, "activation": "silu", "routing": ROUTING}
    params = {"package": str(folder), "layer": layer, "tokens": [32], "cases": list(cases)}
    return validate.run(params, lambda *_, **__: None)["cases"]


def test_all_wait_for_a_signal_too_many(broken: Any) -> None:
    # Only of 8 rows a device: the next case runs in the same process, and is right.
    many = "EP_SIZE - 1 + (x.shape[0] == 8)"
    stuck, right = run(
        broken("all_wait", WAIT, WAIT.replace("EP_SIZE - 1", many)), "uniform", "passes"
    )
    failure = stuck["failure"]
    for device in range(4):
        assert f"device {device} waits for barrier, 3 of 4" in failure["deadlock"]
    assert not stuck["ok"] and not failure.get("error")
    assert right["ok"], right


def test_one_waits_for_a_barrier_and_the_others_for_its_rows(broken: Any) -> None:
    one = WAIT.replace("EP_SIZE - 1", "jnp.where(me == 2, EP_SIZE, EP_SIZE - 1)")
    (case,) = run(broken("one_waits", WAIT, one), "uniform")
    deadlock = case["failure"]["deadlock"]
    assert "device 2 waits for barrier, 3 of 4" in deadlock
    # What this package's references are called nobody says: the first array, as it is declared.
    assert "device 1 waits for 0[" in deadlock and "kernel.py" in deadlock


def test_one_waits_while_the_others_have_ended(broken: Any) -> None:
    end = "        out[...] = total.astype(out.dtype)\n"
    wait = "    pl.semaphore_wait(barrier, jnp.where(me == 2, 1, 0))\n"
    (case,) = run(broken("at_the_end", end, end + "    " + wait), "uniform")
    deadlock = case["failure"]["deadlock"]
    assert "device 2 waits for barrier, 0 of 1" in deadlock
    assert deadlock.endswith("; 3 at the end of the call")


def test_steps_of_devices_are_counted(tiny: Path) -> None:
    before = progress.counter.steps
    (case,) = run(tiny, "one-token")
    assert case["ok"]
    assert progress.counter.steps > before + 100
