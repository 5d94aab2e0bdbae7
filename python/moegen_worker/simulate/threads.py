"""Devices whose threads run as they come, and who of them waits: a deadlock is told exactly.

JAX's interpreter lets a device wait for ever for a signal that nobody sends. Here a run ends as soon
as every device waits at a semaphore that nothing can signal any more, or at the end of the call.
"""

from __future__ import annotations

import threading
from typing import Any

from .names import Semaphores
from .races import place
from .turns import Deadlock, Wait

# Seconds between two looks at the others: what the interpreter itself takes.
LOOK = 0.1


class Threads:
    """The devices of one run of one program.

    Attributes:
      deadlock: who waits for what, once all wait for ever.
    """

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.deadlock: str | None = None
        self.numbers = Semaphores(names)
        self._lock = threading.Lock()
        # By core; whoever is in here does nothing but wait.
        self._waiting: dict[int, Wait] = {}

    def wait(self, jax: Any, device: int, core: int, number: int, value: int, source: Any) -> None:
        """Takes `value` off a semaphore as soon as it is there; makes copies that signal it.

        As the interpreter's `Semaphore.wait` does it.
        """
        shared = jax._get_shared_memory()
        core = shared.get_global_core_id(device, core)
        (semaphore,), _ = shared.get_semaphores_and_increment_clock([number], core)

        def text() -> str:
            have = int(semaphore.count_by_core[core])
            name = self.numbers.name(number)
            return f"device {device} waits for {name}, {have} of {value}, {place(source)}"

        wait = Wait(semaphore, core, value, text)
        while True:
            shared.check_failed()
            clock, task = None, None
            with semaphore.cv:
                met = wait.met()
                if met:
                    semaphore.count_by_core[core] -= value
                    if shared.detect_races and semaphore.clocks[core] is not None:
                        clock = semaphore.clocks[core].copy()
                elif semaphore.tasks[core]:
                    task = semaphore.tasks[core].pop()
                else:
                    self._sleep(shared, wait)
            if clock is not None:
                with shared.lock:
                    jax.vc.update_vector_clock(shared.clocks[core], clock)
            if met:
                return
            if task is not None:
                task()

    def _sleep(self, shared: Any, wait: Wait) -> None:
        """Until a signal or the next look; with the semaphore's lock held."""
        with self._lock:
            self._waiting[wait.core] = wait
        try:
            if not wait.semaphore.cv.wait(LOOK):
                self._look(shared)
        finally:
            with self._lock:
                del self._waiting[wait.core]

    def _look(self, shared: Any) -> None:
        """Ends the call where no device can go on.

        Exact: this device is among those that wait, so nobody who stands at a barrier leaves it
        meanwhile, and nobody who waits stops waiting while the lock is held.

        Raises:
            Deadlock: none can.
        """
        if shared._failure is not None:
            return
        ended, begun = shared.clean_up_barrier.n_waiting, shared.barrier.n_waiting
        with self._lock:
            waits = [self._waiting[core] for core in sorted(self._waiting)]
            if len(waits) + ended + begun < shared.num_cores:
                return
            if any(wait.met() or wait.semaphore.tasks[wait.core] for wait in waits):
                return
            lines = [wait.text() for wait in waits]
            lines += [f"{ended} at the end of the call"] if ended else []
            lines += [f"{begun} at its beginning"] if begun else []
            self.deadlock = "deadlock: " + "; ".join(lines)
            raise Deadlock(self.deadlock)
