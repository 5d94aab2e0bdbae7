"""Runs a mutant until a case catches it."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from typing import Any

from ..package.loading import MoePackage
from ..simulate.order import Order, of_seed
from ..validate.bench import Bench
from ..validate.cases import CASES, Case
from ..wire.errors import OpError
from .mutant import Mutant

# The first schedules: copies late; a device a call ahead with copies at any time; one behind with
# copies early. Then the other six of the nine kinds.
FIRST, FURTHER = (0, 4, 8), (1, 2, 3, 5, 6, 7)
# Of faults of arithmetic, those at a usual T.
SUMS = ("uniform", "two-calls", "hot-device", "empty-experts", "ids", "ties") + (
    "padding",
    "hostile-logits",
    "hostile-ids",
)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One case at one T in one order."""

    case: Case
    tokens: int
    order: Order


def _case(name: str, **changes: Any) -> Case:
    return dataclasses.replace(next(c for c in CASES if c.name == name), **changes)


@dataclasses.dataclass(frozen=True)
class Trials:
    """What mutants are tried on: two calls in a row, so that one device can be a call ahead.

    Three programs: the usual T; three chunks of rows and several row tiles; several passes. T
    divides by ep, so that nothing but the kernel holds devices together.
    """

    tokens: int
    ep: int
    seed: int
    families: tuple[str, ...] = ("sync", "arithmetic")
    # Routing is an input.
    given: bool = False
    # A token's bits are to be the same in any call.
    deterministic: bool = False
    # There are two axes of the mesh to spread devices over.
    split: bool = False

    def programs(self) -> tuple[tuple[tuple[Case, int], ...], ...]:
        """What faults of synchronisation are tried on: cases with their T, by the program that runs
        them."""
        usual, passes = self.tokens, 18 * self.ep
        chunks = _case("chunks", calls=2)
        return (
            (
                (_case("two-calls"), usual),
                (_case("hot-expert", calls=2), usual),
                (_case("empty-experts", calls=2), usual),
                (_case("hot-device", calls=2), usual),
            ),
            (
                (chunks, chunks.tokens(usual, self.ep)),
                (dataclasses.replace(chunks, gating=_case("hot-expert").gating), 33 * self.ep),
            ),
            (
                (_case("passes", calls=2), passes),
                # Devices that have nothing for each other wait for no sums between two passes.
                (_case("passes", calls=2, gating=_case("hot-device").gating), passes),
            ),
        )

    def sums(self) -> tuple[tuple[Case, int], ...]:
        """What faults of arithmetic are tried on, the cheapest first: values, then several passes on
        two axes, then several blocks of 128 tokens and many chunks, then a row tile that is partly full.
        """
        usual, blocks = self.tokens, _case("blocks")
        odd = _case("odd", split_mesh=self.split)
        routed = (None, "given" if self.given else "kernel")
        cases = [case for case in map(_case, SUMS) if case.routing in routed]
        exact = ((_case("alone"), usual),) if self.deterministic else ()
        return (
            *((dataclasses.replace(case, calls=1), usual) for case in cases),
            *exact,
            (odd, 18 * self.ep),
            # As many on each device: where T does not divide, XLA's copies hold devices together.
            (blocks, 130 * self.ep),
            # The expert that has all rows has a last row tile of few.
            (_case("hot-expert", calls=1), 33 * self.ep),
        )

    def planned(self) -> list[tuple[Case, int]]:
        """All cases with their T, of the families asked for."""
        programs = self.programs() if "sync" in self.families else ()
        sums = self.sums() if "arithmetic" in self.families else ()
        return [*(one for program in programs for one in program), *sums]

    def first(self) -> Iterator[Attempt]:
        """Every case in the first schedules: what a kernel without a fault passes."""
        if "sync" in self.families:
            for case, tokens in (one for program in self.programs() for one in program):
                for kind in FIRST:
                    yield Attempt(case, tokens, self._order(kind))
        if "arithmetic" in self.families:
            yield from self._of_sums()

    def attempts(self, mutant: Mutant) -> Iterator[Attempt]:
        """The likeliest first: what has several slots or a guard needs several trips of its loop."""
        if mutant.family == "arithmetic":
            yield from self._of_sums()
            return
        programs = self.programs()
        several = (
            mutant.kind in ("slot", "guard")
            or mutant.change == "dropped"
            and (mutant.kind == "semaphore")
        )
        usual = (1, 0, 2) if several else (0, 1, 2)
        for index in usual:
            case, tokens = programs[index][0]
            for kind in FIRST:
                yield Attempt(case, tokens, self._order(kind))
        for index in usual:
            for place, (case, tokens) in enumerate(programs[index]):
                for kind in FURTHER if place == 0 else FIRST + FURTHER:
                    yield Attempt(case, tokens, self._order(kind))

    def _of_sums(self) -> Iterator[Attempt]:
        for case, tokens in self.sums():
            yield Attempt(case, tokens, self._order(FIRST[0]))

    def _order(self, kind: int) -> Order:
        return of_seed(9 * self.seed + kind, self.ep)


class Control:
    """The kernel without a fault on what mutants are tried on, each attempt once: what fails it
    catches nothing."""

    def __init__(self, bench: Bench, package: MoePackage) -> None:
        """`package` is written out as mutants are, without a fault."""
        self._bench = bench.on(package)
        self._copies: dict[Attempt, int | None] = {}

    def __len__(self) -> int:
        """Attempts that it has passed."""
        return len(self._copies)

    def passes(self, attempt: Attempt) -> None:
        """Tries it, unless it was.

        Raises:
            OpError: "BASE", it fails.
        """
        if attempt in self._copies:
            return
        verdict = self._bench.run(attempt.case, attempt.tokens, attempt.order)
        if not verdict["ok"]:
            found = caught(attempt, verdict)
            message = f"the kernel without a fault fails: {found['message']}"
            raise OpError("BASE", message, verdict=found)
        self._copies[attempt] = self._bench.copies

    def exceeded(self, attempt: Attempt, copies: int | None) -> str:
        """How many copies are too many, in words; empty: no more than without a fault.

        Raises:
            OpError: what `passes` raises.
        """
        self.passes(attempt)
        needed = self._copies[attempt]
        if copies is None or needed is None or copies <= needed:
            return ""
        return f"{copies} copies, {needed} without the fault"

    def close(self) -> None:
        """Ends the thread that compiles."""
        self._bench.close()


def tried(
    bench: Bench,
    package: MoePackage,
    attempts: Iterator[Attempt],
    control: Control,
    most: bool,
) -> dict[str, Any]:
    """`{caught, how, by, case, tokens, order, attempts}` of the first attempt that catches it, which
    the kernel without a fault passes; with `most`, more copies than that one's are a catch as well.

    Raises:
        OpError: "BASE", the kernel without a fault fails what catches it.
    """
    faulty = bench.on(package)
    count = 0
    try:
        for attempt in attempts:
            count += 1
            verdict = faulty.run(attempt.case, attempt.tokens, attempt.order)
            if verdict["ok"] and most:
                more = control.exceeded(attempt, faulty.copies)
                if more:
                    verdict = {"ok": False, "failure": {"message": more, "copies": True}}
            if not verdict["ok"]:
                control.passes(attempt)
                return {"caught": True, **caught(attempt, verdict), "attempts": count}
    finally:
        faulty.close()
        gc.collect()
    return {"caught": False, "attempts": count}


def caught(attempt: Attempt, verdict: dict[str, Any]) -> dict[str, Any]:
    """What an attempt found, in the words of a report."""
    failure = verdict.get("failure", {})
    return {
        "by": how(failure),
        "message": said(failure)[:400],
        "case": attempt.case.name,
        "tokens": attempt.tokens,
        "order": {"seed": attempt.order.seed, "text": str(attempt.order)},
    }


# In the order in which one says more than the next.
BY = (
    "deadlock",
    "out of bounds",
    "data race",
    "semaphore",
    "copy in flight",
    "unwritten memory",
    "wrong value",
    "more copies",
    "not built",
    "error",
)


def how(failure: dict[str, Any]) -> str:
    """What caught it, of BY."""
    error = str(failure.get("error", ""))
    if failure.get("deadlock"):
        return "deadlock"
    if failure.get("outOfBounds") or "Out-of-bounds" in error:
        return "out of bounds"
    if failure.get("races"):
        return "data race"
    if failure.get("semaphores"):
        return "semaphore"
    if failure.get("unfinished"):
        return "copy in flight"
    if failure.get("message") == "the kernel does not build":
        return "not built"
    if error:
        return "error"
    if failure.get("copies"):
        return "more copies"
    unwritten = "unwritten memory" in str(failure.get("message"))
    return "unwritten memory" if unwritten else "wrong value"


def said(failure: dict[str, Any]) -> str:
    """The first thing that was found, in words."""
    for field in ("races", "semaphores", "unfinished"):
        if failure.get(field):
            return str(failure[field][0])
    return str(failure.get("deadlock") or failure.get("error") or failure.get("message"))
