"""Devices take turns: one runs, up to its next start, signal or wait; then the order picks again."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .order import Order

# Seconds for a device to come from one call to the next, before the others go on without it.
PATIENCE = 2.0


class Deadlock(RuntimeError):
    """Every device waits for a semaphore that nothing will signal."""


@dataclasses.dataclass
class Wait:
    """What a device waits for: `value` of a semaphore on its core."""

    semaphore: Any
    core: int
    value: int
    text: Callable[[], str]

    def met(self) -> bool:
        """Whether the semaphore has as much."""
        return bool(self.semaphore.count_by_core[self.core] >= self.value)


@dataclasses.dataclass
class Flight:
    """A copy between its start and its end: JAX's DMA, stepped from outside."""

    dma: Any
    place: Callable[[], str]

    @property
    def reading(self) -> bool:
        """Whether its source is still to be read."""
        return self.dma.state.name == "STARTED"

    def serves(self, wait: Wait) -> bool:
        """Its next steps signal what is waited for."""
        dma = self.dma
        if self.reading and dma.src_sem is wait.semaphore and dma.src_global_core_id == wait.core:
            return True
        return dma.dst_sem is wait.semaphore and dma.dst_global_core_id == wait.core

    def step(self) -> bool:
        """Reads, or writes; True when it has ended."""
        if self.reading:
            self.dma.execute_read()
            return False
        self.dma.execute_write()
        return True


class Turns:
    """The devices of one program of `calls` calls."""

    def __init__(self, devices: int, calls: int, order: Order, together: bool) -> None:
        """`together`: a device leaves a call only when all do."""
        self._order, self._calls, self._together = order, calls, together
        self._rng = np.random.default_rng([order.seed, devices, 1])
        self._changed = threading.Condition(threading.RLock())
        self._waiting: dict[int, Wait | None] = {}
        self._leaving: set[int] = set()
        self._outside = set(range(devices))
        self._running: int | None = None
        self._ended = dict.fromkeys(range(devices), 0)
        # Times that a device was at a place between calls; what all have brought, by that.
        self._visits: Counter[tuple[int, int]] = Counter()
        self._brought: dict[tuple[int, int, int], dict[int, Any]] = {}
        self._meeting: set[int] = set()
        self.flights: list[Flight] = []
        self.failure: BaseException | None = None

    def enter(self, device: int) -> None:
        """The device has come to a call."""
        with self._changed:
            self._outside.discard(device)
            self._until(device, None)

    def pause(self, device: int, wait: Wait | None = None) -> None:
        """Lets others run; returns when it is this device's turn and what it waits for is there."""
        with self._changed:
            self._check()
            self._running = None
            self._until(device, wait)

    def leave(self, device: int) -> None:
        """The device has ended a call."""
        with self._changed:
            self._check()
            self._running = None
            self._ended[device] += 1
            if self._together:
                self._leaving.add(device)
                if len(self._leaving) == len(self._ended):
                    self._outside |= self._leaving
                    self._leaving.clear()
                self._choose()
                while device in self._leaving:
                    self._check()
                    self._changed.wait(PATIENCE)
                self._changed.notify_all()
            else:
                self._outside.add(device)
            if self._ended[device] == self._calls:
                self._outside.discard(device)
            self._choose()

    def meet(self, device: int, place: int, value: Any, devices: Sequence[int]) -> list[Any]:
        """What each of `devices` brings to a place between calls, in their order, once all have come."""
        with self._changed:
            self._check()
            visit = self._visits[device, place] = self._visits[device, place] + 1
            brought = self._brought.setdefault((place, visit, devices[0]), {})
            brought[device] = value
            # It comes to no call before the others have come.
            self._outside.discard(device)
            self._meeting.add(device)
            if len(brought) == len(devices):
                del self._brought[place, visit, devices[0]]
                self._meeting.difference_update(devices)
                self._outside.update(devices)
                self._changed.notify_all()
            self._choose()
            while len(brought) < len(devices):
                self._check()
                self._changed.wait(PATIENCE)
            return [brought[one] for one in devices]

    def fail(self, error: BaseException | None = None) -> None:
        """Ends every device's wait: one of them has failed."""
        with self._changed:
            self.failure = self.failure or error or RuntimeError("another device failed")
            self._changed.notify_all()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _until(self, device: int, wait: Wait | None) -> None:
        self._waiting[device] = wait
        self._choose()
        while self._running != device:
            self._check()
            if not self._changed.wait(PATIENCE) and self._running is None:
                self._choose(patient=False)
        self._check()
        del self._waiting[device]

    def _choose(self, patient: bool = True) -> None:
        """Gives somebody the turn, moving copies on the way."""
        while self._running is None and self._waiting and self.failure is None:
            if self._outside and patient:
                return
            ready = sorted(d for d, wait in self._waiting.items() if wait is None or wait.met())
            flight = self._flight(bool(ready))
            if flight is not None:
                try:
                    if flight.step():
                        self.flights.remove(flight)
                except Exception as error:  # noqa: BLE001 - a copy's fault is the kernel's
                    self.fail(error)
            elif ready:
                self._running = self._device(ready)
                self._changed.notify_all()
            elif self._outside:
                return
            else:
                self.fail(Deadlock(self._stuck()))

    def _device(self, ready: list[int]) -> int:
        kind, favourite = self._order.devices, self._order.favourite
        if kind == "ahead" and favourite in ready:
            return favourite
        if kind == "behind" and len(ready) > 1:
            ready = [device for device in ready if device != favourite]
        return ready[int(self._rng.integers(len(ready)))]

    def _flight(self, can_run: bool) -> Flight | None:
        """The copy that moves now."""
        kind = self._order.copies
        if not self.flights:
            return None
        if kind == "early":
            return self.flights[0]
        if kind == "any" and self._rng.random() < 0.3:
            return self.flights[int(self._rng.integers(len(self.flights)))]
        if can_run:
            return None
        waits = [wait for wait in self._waiting.values() if wait is not None]
        serving = [f for f in self.flights if any(f.serves(wait) for wait in waits)]
        return serving[-1] if serving else None

    def _stuck(self) -> str:
        lines = [f"device {d} waits {w.text()}" for d, w in sorted(self._waiting.items()) if w]
        lines += [f"device {d} has ended" for d, n in self._ended.items() if n == self._calls]
        lines += [f"device {d} is at the end of the call" for d in sorted(self._leaving)]
        lines += [f"device {d} is between calls" for d in sorted(self._meeting)]
        return "deadlock: " + "; ".join(lines)
