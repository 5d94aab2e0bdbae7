"""What replaces the interpreter's own functions while a program runs in turns."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .names import Semaphores
from .order import Order
from .races import place
from .turns import Deadlock, Flight, Turns, Wait

# First ids that the interpreter gives to buffers and semaphores.
FIRST_BUFFER, FIRST_SEMAPHORE = 100, 2000


class _NoBarrier:
    """In place of the interpreter's barriers: a failure need not wait for all devices."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def abort(self) -> None:
        self._turns.fail()

    def wait(self) -> None:
        self._turns.fail()


@dataclasses.dataclass
class Machine:
    """The devices of one run of one program.

    Attributes:
      names: names of the kernel's references, semaphores last.
      unfinished: copies under way when a device that they concern had ended the call.
      semaphores: semaphores not zero then.
      copies: copies that were started.
    """

    devices: int
    calls: int
    order: Order
    together: bool
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        self.turns = Turns(self.devices, self.calls, self.order, self.together)
        self.unfinished: list[str] = []
        self.semaphores: list[str] = []
        self.copies = 0
        self.numbers = Semaphores(self.names)
        self._virtual = 0
        self._shared: Any = None

    # ------------------------------------------------------------------------ enter and leave

    def enter(self, jax: Any, device: int) -> None:
        """A call begins on `device`; memory and semaphores are there already."""
        self._shared = shared = jax._get_shared_memory()
        with shared.lock:
            if not isinstance(shared.barrier, _NoBarrier):
                shared.barrier = shared.clean_up_barrier = _NoBarrier(self.turns)
                shared.dma_execution_mode = "on_wait"
                shared.append_semaphore_task = lambda *_: None
                shared.get_random_virtual_device_id = lambda: self._next_virtual(shared)
        self.turns.enter(device)

    def _next_virtual(self, shared: Any) -> int:
        """Copies share the clocks' further entries in turn."""
        self._virtual += 1
        spare = shared.vector_clock_size - shared.num_cores
        return int(shared.num_cores + self._virtual % spare)

    def leave(self, jax: Any, device: int) -> None:
        """A call ends on `device`: its memory is the next program's, its semaphores must be zero."""
        shared = jax._get_shared_memory()
        for flight in self.turns.flights:
            dma = flight.dma
            if dma.dst_device_id == device or (flight.reading and dma.src_device_id == device):
                end = "writing to" if dma.dst_device_id == device else "reading from"
                self.unfinished.append(
                    f"a copy is still {end} device {device}, {flight.place()}, when its call ends"
                )
        for number, semaphore in sorted(shared.sem.items()):
            if semaphore.count_by_core[device] != 0:
                self._not_zero(self.numbers.name(number), device, semaphore.count_by_core[device])
        for key in [key for key in shared.mem if key[2] == device]:
            self._whole(jax, device, key)
            with shared.lock:
                del shared.mem[key]
        with shared.lock:
            for core in range(shared.num_cores_per_device):
                shared.next_buffer_id[(device, core)] = FIRST_BUFFER
                shared.next_semaphore_id[shared.get_global_core_id(device, core)] = FIRST_SEMAPHORE
        self.turns.leave(device)

    def end(self) -> None:
        """The program has ended, well or not: barriers' semaphores are zero as well."""
        if self._shared is None or self.turns.failure is not None:
            return
        for semaphore in self._shared.fixed_id_sem.values():
            for core in np.flatnonzero(semaphore.count_by_core):
                self._not_zero("barrier", int(core), semaphore.count_by_core[core])

    @property
    def deadlock(self) -> str | None:
        """Who waits for what, where all wait for ever."""
        failure = self.turns.failure
        return str(failure) if isinstance(failure, Deadlock) else None

    @property
    def failure(self) -> str | None:
        """What a device or a copy raised first."""
        failure = self._shared and self._shared._failure or self.turns.failure
        if failure is None or isinstance(failure, Deadlock):
            return None
        text = str(failure)
        return text if text.startswith("Out-of-bounds") else f"{type(failure).__name__}: {text}"

    def _not_zero(self, name: str, device: int, count: Any) -> None:
        self.semaphores.append(f"{name} of device {device} is {int(count)}, not 0, at the end")

    # ---------------------------------------------------------------------------- memory

    def allocated(self, jax: Any, device: int, space: str, buffer: int) -> None:
        """From here on the memory is this call's: what others wrote to it before is lost."""
        self._whole(jax, device, (space, buffer, device, 0))

    def _whole(self, jax: Any, device: int, key: Any) -> None:
        """Counts as writing all of a buffer, for races."""
        shared = jax._get_shared_memory()
        if not shared.detect_races:
            return
        _, clock = shared.get_semaphores_and_increment_clock([], device)
        jax.races.check_write(device, 0, clock, key, ())

    # ------------------------------------------------------------------- starts, signals, waits

    def start(self, jax: Any, arguments: tuple[Any, ...], source: Any) -> None:
        """A copy is started: the order decides when it reads and writes."""
        self.turns.pause(int(arguments[0]))
        shared = jax._get_shared_memory()
        (device, core, from_space, from_id, from_at, to_space, to_id, to_at, arrived, sent, to) = (
            arguments
        )
        device, core = int(device), int(core)
        to = device if to is None else int(to)
        ids = (None if sent is None else int(sent), int(arrived))
        (src_sem, dst_sem), clock = shared.get_semaphores_and_increment_clock(
            ids, shared.get_global_core_id(device, core)
        )
        ends = jax.jax.tree.map(int, (from_space, from_id, from_at, to_space, to_id, to_at))
        dma = jax.DMA(
            jax.dma_id_counter.get_next(),
            *(device, core, *ends[:3]),
            *(to, core, *ends[3:]),
            *(src_sem, dst_sem),
            virtual_device_id=shared.get_random_virtual_device_id(),
            clock=clock,
            source_info=source,
        )
        self.copies += 1
        self.turns.flights.append(Flight(dma, lambda: place(source)))

    def wait(self, jax: Any, device: int, core: int, number: int, value: int, source: Any) -> None:
        """Takes `value` off a semaphore as soon as it is there."""
        shared = jax._get_shared_memory()
        core = shared.get_global_core_id(device, core)
        (semaphore,), _ = shared.get_semaphores_and_increment_clock([number], core)

        def text() -> str:
            have = int(semaphore.count_by_core[core])
            return f"for {self.numbers.name(number)}, {have} of {value}, {place(source)}"

        self.turns.pause(device, Wait(semaphore, core, value, text))
        semaphore.count_by_core[core] -= value
        if shared.detect_races and semaphore.clocks[core] is not None:
            with shared.lock:
                np.maximum(shared.clocks[core], semaphore.clocks[core], out=shared.clocks[core])
