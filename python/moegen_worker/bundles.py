"""Reads the compiler's final VLIW bundles of one kernel: how many, in which stage, in which loop.

A bundle issues in one cycle, so bundles of a loop body times its trips is the compiler's own cycle
count. Files come from libtpu with `--xla_jf_dump_llo_pass_label_regex=final_bundles`, and named
scopes in them need `--xla_enable_custom_call_region_trace=true`. As a program:

    python -m moegen_worker.bundles FILE [--json]
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# `  0x2e LB: >> { ... }`: address, key, one `>` for each loop around the bundle.
_BUNDLE = re.compile(r"^\s*(?P<address>0x[0-9a-f]+|0)\s+(?P<key>[A-Z]{2})?\s*:\s*(?P<nest>[> ]*)\{")
_MARKER = re.compile(r"TraceMe(?P<kind>Start|End)\((?P<name>[^)]*)\)")
_DELAY = re.compile(r"\bvdelay\s+(?P<cycles>\d+)")
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
    # The header was seen, the body not yet: a body label then belongs to this loop.
    _head: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "depth": self.depth,
            "scope": self.scope,
            "bundles": self.bundles,
            "own": self.own,
            "loops": [loop.to_json() for loop in self.loops],
        }


@dataclasses.dataclass
class Schedule:
    """What one file says."""

    # Every bundle once, however often its loop runs.
    total: int = 0
    # Cycles of explicit `vdelay N` beyond the bundle that holds it.
    delay: int = 0
    # Bundles by path of named scopes ("outer/inner"), inner ones not counted again; "" is none.
    scopes: dict[str, int] = dataclasses.field(default_factory=dict)
    # Bundles by number of loops around them.
    depths: dict[int, int] = dataclasses.field(default_factory=dict)
    loops: list[Loop] = dataclasses.field(default_factory=list)

    def inside(self, scope: str) -> int:
        """Bundles of every scope called so, nested scopes included."""
        return sum(n for path, n in self.scopes.items() if scope in path.split("/"))

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "delay": self.delay,
            "scopes": self.scopes,
            "depths": {str(depth): n for depth, n in sorted(self.depths.items())},
            "loops": [loop.to_json() for loop in self.loops],
        }


def _walk(loops: Iterable[Loop]) -> Iterator[Loop]:
    for loop in loops:
        yield loop
        yield from _walk(loop.loops)


def _enter(schedule: Schedule, stack: list[Loop], loop: Loop) -> None:
    (stack[-1].loops if stack else schedule.loops).append(loop)
    stack.append(loop)


def parse(lines: Iterable[str]) -> Schedule:
    """Parses the lines of a `*final_bundles.txt` file."""
    schedule = Schedule()
    scopes: list[str] = []
    stack: list[Loop] = []
    for line in lines:
        bundle = _BUNDLE.match(line)
        markers = list(_MARKER.finditer(line)) if "TraceMe" in line else []
        # A bundle with a marker belongs to the scope that it opens or closes.
        for marker in markers:
            if marker["kind"] == "Start":
                scopes.append(marker["name"])
        path = "/".join(scopes)
        if bundle is not None:
            depth, address = bundle["nest"].count(">"), int(bundle["address"], 16)
            head, body = bundle["key"] == LOOP_HEAD, bundle["key"] == LOOP_BODY
            while len(stack) > depth:
                stack.pop()
            if (head or body) and len(stack) == depth and depth > 0:
                # A label at the depth we are at: this loop's own body, or the next loop.
                if body and stack[-1]._head:
                    stack[-1]._head = False
                else:
                    stack.pop()
            while len(stack) < depth:
                _enter(schedule, stack, Loop(address, len(stack) + 1, path, _head=head))
            for loop in stack:
                loop.bundles += 1
            if stack:
                stack[-1].own += 1
            schedule.total += 1
            schedule.scopes[path] = schedule.scopes.get(path, 0) + 1
            schedule.depths[depth] = schedule.depths.get(depth, 0) + 1
            schedule.delay += sum(int(delay["cycles"]) for delay in _DELAY.finditer(line))
        for marker in markers:
            # The scheduler may move a marker: an end without its start closes nothing.
            if marker["kind"] == "End" and marker["name"] in scopes:
                while scopes.pop() != marker["name"]:
                    pass
    return schedule


def parse_file(path: str | Path) -> Schedule:
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse(file)


def merge(schedules: Iterable[Schedule]) -> Schedule:
    """Several kernels of one program as one."""
    merged = Schedule()
    for schedule in schedules:
        merged.total += schedule.total
        merged.delay += schedule.delay
        merged.loops += schedule.loops
        for path, count in schedule.scopes.items():
            merged.scopes[path] = merged.scopes.get(path, 0) + count
        for depth, count in schedule.depths.items():
            merged.depths[depth] = merged.depths.get(depth, 0) + count
    return merged


def report(schedule: Schedule) -> str:
    """A page for a terminal."""
    lines = [f"{schedule.total:8} bundles" + (f" + {schedule.delay} delay" * bool(schedule.delay))]
    for path, count in schedule.scopes.items():
        lines.append(f"{count:8} {path or '(no scope)'}")
    if schedule.loops:
        lines.append("loops: body, of it outside inner loops")
    for loop in _walk(schedule.loops):
        where = loop.scope or "(no scope)"
        indent = "  " * (loop.depth - 1)
        lines.append(f"{loop.bundles:8} {loop.own:8}  {indent}{hex(loop.address)} {where}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    files = [argument for argument in arguments if not argument.startswith("-")]
    if len(files) != 1:
        print("usage: python -m moegen_worker.bundles FILE [--json]", file=sys.stderr)
        return 64
    schedule = parse_file(files[0])
    print(json.dumps(schedule.to_json()) if "--json" in arguments else report(schedule))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
