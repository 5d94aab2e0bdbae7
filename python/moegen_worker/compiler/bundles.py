"""Reads the compiler's final VLIW bundles of one kernel: how many, in which stage, in which loop.

A bundle issues in one cycle, so bundles of a loop body times its trips is the compiler's own cycle
count. Files come from libtpu with `--xla_jf_dump_llo_pass_label_regex=final_bundles`, and named
scopes in them need `--xla_enable_custom_call_region_trace=true`. As a program:

    python -m moegen_worker.compiler.bundles FILE [--json]
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import slots

# `  0x2e LB: >> { ... }`: address, key, one `>` for each loop around the bundle.
_BUNDLE = re.compile(r"^\s*(?P<address>0x[0-9a-f]+|0)\s+(?P<key>[A-Z]{2})?\s*:\s*(?P<nest>[> ]*)\{")
_MARKER = re.compile(r"TraceMe(?P<kind>Start|End)\((?P<name>[^)]*)\)")
_TRACE_ONLY = re.compile(r"\s*%?\d+ = vtrace [^;]*(?<!;)\s\}")
_EMPTY = re.compile(r"\s*\}")
_DELAY = re.compile(r"\bvdelay\s+(?P<cycles>\d+)")
# Loops count from nought in steps of one, so the constant of the test is the number of trips.
_EXIT = re.compile(r"= scmp\.ge\.s32\.totalorder %\w+, (?P<trips>\d+) /\* loop exit test")
LOOP_HEAD, LOOP_BODY = "LH", "LB"


@dataclasses.dataclass
class Loop:
    """One loop: bundles in its body, those of loops inside it counted there as well as here."""

    address: int
    depth: int
    scope: str
    bundles: int = 0
    own: int = 0
    loops: list[Loop] = dataclasses.field(default_factory=list)
    # Where the compiler knows it.
    trips: int | None = None
    # The header was seen, the body not yet: a body label then belongs to this loop.
    headed: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the answer of `compile` has it, inner loops within."""
        return {
            "address": self.address,
            "depth": self.depth,
            "scope": self.scope,
            "bundles": self.bundles,
            "own": self.own,
            "trips": self.trips,
            "loops": [loop.to_json() for loop in self.loops],
        }


@dataclasses.dataclass
class Region:
    """Bundles of one scope directly in one loop (None: in none); what a profile adds up."""

    scope: str
    loop: Loop | None
    bundles: int = 0
    tracing: int = 0
    delay: int = 0
    slots: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_json(self, ids: dict[int, int]) -> dict[str, Any]:
        """As the answer of `compile` has it; `ids`: numbers of loops by `id()`."""
        return {
            "scope": self.scope,
            "loop": None if self.loop is None else ids[id(self.loop)],
            "bundles": self.bundles,
            "tracing": self.tracing,
            "delay": self.delay,
            "slots": self.slots,
        }


@dataclasses.dataclass
class Schedule:
    """What one file says."""

    # Every bundle once, however often its loop runs.
    total: int = 0
    # Bundles that hold a trace marker only: they come from the flag that names the scopes.
    tracing: int = 0
    # Cycles of explicit `vdelay N` beyond the bundle that holds it.
    delay: int = 0
    # Bundles by path of named scopes ("outer/inner"), inner ones not counted again; "" is none.
    scopes: dict[str, int] = dataclasses.field(default_factory=dict)
    # Bundles by number of loops around them.
    depths: dict[int, int] = dataclasses.field(default_factory=dict)
    loops: list[Loop] = dataclasses.field(default_factory=list)
    regions: list[Region] = dataclasses.field(default_factory=list)
    # What the compiler's own count of slots says of a bundle's capacity; None: it wrote none.
    machine: dict[str, Any] | None = None

    def inside(self, scope: str) -> int:
        """Bundles of every scope called so, nested scopes included."""
        return sum(n for path, n in self.scopes.items() if scope in path.split("/"))

    def to_json(self) -> dict[str, Any]:
        """As the answer of `compile` has it, regions apart: see `profile_json`."""
        return {
            "total": self.total,
            "tracing": self.tracing,
            "delay": self.delay,
            "scopes": self.scopes,
            "depths": {str(depth): n for depth, n in sorted(self.depths.items())},
            "loops": [loop.to_json() for loop in self.loops],
        }

    def profile_json(self) -> dict[str, Any]:
        """Regions, and the loops that they name by number, outer loops first."""
        loops = list(walk(self.loops))
        ids = {id(loop): index for index, loop in enumerate(loops)}
        parents = {id(inner): ids[id(loop)] for loop in loops for inner in loop.loops}
        return {
            "machine": self.machine,
            "loops": [
                {"parent": parents.get(id(loop)), "scope": loop.scope, "trips": loop.trips}
                for loop in loops
            ],
            "regions": [region.to_json(ids) for region in self.regions],
        }


def walk(loops: Iterable[Loop]) -> Iterator[Loop]:
    """Every loop, outer ones before those inside."""
    for loop in loops:
        yield loop
        yield from walk(loop.loops)


@dataclasses.dataclass
class _Line:
    """One bundle as written, with its scope."""

    address: int
    key: str | None
    depth: int
    scope: str
    # Nothing in it but a trace marker.
    trace: bool
    # Put in late, so without its `>`: a trace marker or an empty bundle.
    late: bool
    delay: int
    # Trips of the innermost loop, where this bundle holds its exit test.
    trips: int | None
    used: dict[str, int]


def _delays(line: str) -> int:
    return sum(int(delay["cycles"]) for delay in _DELAY.finditer(line))


def _trips(line: str) -> int | None:
    found = _EXIT.search(line)
    return None if found is None else int(found["trips"])


def _read(lines: Iterable[str]) -> list[_Line]:
    read: list[_Line] = []
    scopes: list[str] = []
    for line in lines:
        bundle = _BUNDLE.match(line)
        markers = list(_MARKER.finditer(line)) if "TraceMe" in line else []
        # A bundle with a marker belongs to the scope that it opens or closes.
        scopes += [marker["name"] for marker in markers if marker["kind"] == "Start"]
        if bundle is not None:
            read.append(
                _Line(
                    address=int(bundle["address"], 16),
                    key=bundle["key"],
                    depth=bundle["nest"].count(">"),
                    scope="/".join(scopes),
                    trace=(
                        trace := "vtrace" in line
                        and _TRACE_ONLY.match(line, bundle.end()) is not None
                    ),
                    late=trace or _EMPTY.match(line, bundle.end()) is not None,
                    delay=_delays(line) if "vdelay" in line else 0,
                    trips=_trips(line) if "loop exit test" in line else None,
                    used=slots.instructions(line),
                )
            )
        for marker in markers:
            # The scheduler may move a marker: an end without its start closes nothing.
            if marker["kind"] == "End" and marker["name"] in scopes:
                while scopes.pop() != marker["name"]:
                    pass
    return read


def _settle_depths(lines: list[_Line]) -> None:
    """Trace markers are put in late and carry no `>`: they are as deep as what is around them."""
    following = 0
    after = []
    for line in reversed(lines):
        if not line.late:
            following = line.depth
        after.append(following)
    before = 0
    for line, following in zip(lines, reversed(after), strict=True):
        if line.late:
            line.depth = max(line.depth, min(before, following))
        before = line.depth
    # Copies put in late carry no `>` either. A loop begins with a label: where the depth grows
    # without one, what lies between belongs to the loop that goes on.
    open_at: list[int] = []
    for index, line in enumerate(lines):
        if line.depth > len(open_at) and line.key not in (LOOP_HEAD, LOOP_BODY) and index:
            back = index - 1
            while back >= 0 and lines[back].depth < line.depth:
                lines[back].depth = line.depth
                back -= 1
        open_at = [0] * line.depth


def parse(lines: Iterable[str], used: slots.Utilization | None = None) -> Schedule:
    """Parses the lines of a `*final_bundles.txt` file, beside the compiler's count of slots."""
    schedule = Schedule()
    stack: list[Loop] = []
    regions: dict[tuple[str, int], Region] = {}
    read = _read(lines)
    _settle_depths(read)
    # Counts of other bundles than these would be worse than none.
    counted = used if used is not None and len(used.bundles) == len(read) else None
    schedule.machine = slots.to_json(counted)
    for index, line in enumerate(read):
        del stack[line.depth :]
        head, body = line.key == LOOP_HEAD, line.key == LOOP_BODY
        if (head or body) and stack and len(stack) == line.depth:
            # A label at the depth we are at: this loop's own body, or the next loop.
            if body and stack[-1].headed:
                stack[-1].headed = False
            else:
                stack.pop()
        while len(stack) < line.depth:
            loop = Loop(line.address, len(stack) + 1, line.scope, headed=head)
            (stack[-1].loops if stack else schedule.loops).append(loop)
            stack.append(loop)
        for loop in stack:
            loop.bundles += 1
        loop = stack[-1] if stack else None
        if loop is not None:
            loop.own += 1
            loop.trips = line.trips if line.trips is not None else loop.trips
        region = regions.setdefault((line.scope, id(loop)), Region(line.scope, loop))
        region.bundles += 1
        region.tracing += line.trace
        region.delay += line.delay
        slots.add(region.slots, line.used)
        if counted is not None:
            slots.add(region.slots, counted.bundles[index])
        schedule.total += 1
        schedule.tracing += line.trace
        schedule.delay += line.delay
        schedule.scopes[line.scope] = schedule.scopes.get(line.scope, 0) + 1
        schedule.depths[line.depth] = schedule.depths.get(line.depth, 0) + 1
    schedule.regions = list(regions.values())
    return schedule


def parse_file(path: str | Path) -> Schedule:
    """A dumped schedule, with the compiler's own count of slots where it lies beside."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse(file, slots.utilization_beside(path))


def merge(schedules: Iterable[Schedule]) -> Schedule:
    """Several kernels of one program as one."""
    merged = Schedule()
    for schedule in schedules:
        merged.total += schedule.total
        merged.tracing += schedule.tracing
        merged.delay += schedule.delay
        merged.loops += schedule.loops
        merged.regions += schedule.regions
        merged.machine = merged.machine or schedule.machine
        for path, count in schedule.scopes.items():
            merged.scopes[path] = merged.scopes.get(path, 0) + count
        for depth, count in schedule.depths.items():
            merged.depths[depth] = merged.depths.get(depth, 0) + count
    return merged


def report(schedule: Schedule) -> str:
    """A page for a terminal."""
    extra = f", {schedule.tracing} of them trace markers, delays {schedule.delay}"
    lines = [f"{schedule.total:8} bundles{extra}"]
    for path, count in schedule.scopes.items():
        lines.append(f"{count:8} {path or '(no scope)'}")
    if schedule.loops:
        lines.append("loops: body, of it outside inner loops")
    for loop in walk(schedule.loops):
        where = loop.scope or "(no scope)"
        indent = "  " * (loop.depth - 1)
        lines.append(f"{loop.bundles:8} {loop.own:8}  {indent}{hex(loop.address)} {where}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prints a report, or JSON, of one dumped file; exit code 0, or 64 where none is named."""
    files = [argument for argument in arguments if not argument.startswith("-")]
    if len(files) != 1:
        print("usage: python -m moegen_worker.compiler.bundles FILE [--json]", file=sys.stderr)
        return 64
    schedule = parse_file(files[0])
    print(json.dumps(schedule.to_json()) if "--json" in arguments else report(schedule))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
