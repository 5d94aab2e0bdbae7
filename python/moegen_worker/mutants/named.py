"""Faults that other kernels have had, as they would be in these.

- sgl-project/sglang-jax#1024: a barrier that #1021 had removed as redundant. A fast device went on
  while a slow one still wrote to what it read; TensorCores halted at ep 32, and at ep 8 nothing was
  seen. Here: the barrier of a call.
- vllm-project/tpu-inference#1252: devices scattered rows before all of them had finished to spread
  the routing, and read and wrote out of bounds. Here: the routes of other devices are used without
  waiting for them.
- vllm-project/tpu-inference#1342: a barrier that synchronised with the right neighbour alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .context import Context, Found
from .effects import AWAIT, SIGNAL
from .mutant import expression, remove
from .source import Edited

REMOVED, UNREADY, NEIGHBOUR = "sgl-jax-1024", "tpu-inference-1252", "tpu-inference-1342"


def made(context: Context) -> Iterator[Found]:
    """Those that this kernel has a place for."""
    source = context.analysis.source
    awaits = next((s for s in context.syncs if s.method == AWAIT), None)
    signals = next((s for s in context.syncs if s.method == SIGNAL), None)
    if awaits is not None and signals is not None:
        barrier = source.function_of(awaits.statement)
        assert barrier is not None
        call = source.statement_of(source.calls(barrier)[0])
        number = source.numbers[call]

        def no_barrier(changed: Edited) -> None:
            remove(changed, changed.statement(number))

        what = "no barrier at the start of a call"
        yield Found("barrier", "dropped", what, call, awaits, no_barrier, name=REMOVED)

        numbers = source.numbers[signals.unit], awaits.number

        def neighbour(changed: Edited) -> None:
            unit, signal = changed.statement(numbers[0]), changed.statement(signals.number)
            for keyword in changed.call(signals.number).keywords:
                if keyword.arg == "device_id" and isinstance(keyword.value, ast.Call):
                    keyword.value.args[0] = expression("(me + 1) % EP_SIZE")
            block = changed.block_of(unit)
            block[block.index(unit)] = signal
            changed.call(numbers[1]).args[1] = expression("1")

        what = "the barrier is with the next device alone"
        place = signals.statement
        yield Found("barrier", "moved", what, place, signals, neighbour, name=NEIGHBOUR)
    lists = _lists(context)
    received = [
        s
        for s in context.syncs
        if s.method == "wait_recv" and any(c.destination in lists for c in s.copies)
    ]
    for sync in received:

        def unready(changed: Edited, number: int = sync.number) -> None:
            remove(changed, changed.statement(number))

        what = "routes of other devices are used before they have arrived"
        yield Found("wait", "dropped", what, sync.statement, sync, unready, name=UNREADY)


def _lists(context: Context) -> set[str]:
    """What arrives from other devices and goes on to the scalar unit: it becomes indices there."""
    streams = context.plan["streams"]
    read = {name for s in streams if s["to"] == "SMEM" for name in s["source"].split(", ")}
    sent = {name for s in streams if s["remote"] for name in s["destination"].split(", ")}
    return read & sent
