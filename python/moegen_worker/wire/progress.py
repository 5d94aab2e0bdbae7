"""Signs of life of a running operation: how much processor time it took, and how far it got.

Whoever waits for a worker can so tell one that works on a slow machine from one that hangs, without
looking at a clock: a busy machine gives both of them less.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

# Seconds between two pulses.
PULSE = 1.0


class Counter:
    """Steps of simulated devices in this process. Threads may lose some of them: that it grows is
    what counts."""

    def __init__(self) -> None:
        self.steps = 0


counter = Counter()


def processor_seconds() -> float:
    """Of this process and of those that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


class Pulse:
    """Emits `pulse` (seconds since the last one, cpu, steps) while a block runs."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self._emit = emit
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="pulse")

    def _beat(self) -> None:
        while not self._over.wait(PULSE):
            self._emit("pulse", seconds=PULSE, cpu=processor_seconds(), steps=counter.steps)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        # Nothing may follow the answer.
        self._over.set()
        self._thread.join()
