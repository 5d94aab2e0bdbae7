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
_TRACE_ONLY = re.compile(r"\s*%?\d+ = vtrace [^;]*(?<!;)\s\}")
_EMPTY = re.compile(r"\s*\}")
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
    headed: bool = False

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
    # Bundles that hold a trace marker only: they come from the flag that names the scopes.
    tracing: int = 0
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
            "tracing": self.tracing,
            "delay": self.delay,
            "scopes": self.scopes,
            "depths": {str(depth): n for depth, n in sorted(self.depths.items())},
            "loops": [loop.to_json() for loop in self.loops],
        }


def _walk(loops: Iterable[Loop]) -> Iterator[Loop]:
    for loop in loops:
        yield loop
        yield from _walk(loop.loops)


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
                    trace=(trace := _TRACE_ONLY.match(line, bundle.end()) is not None),
                    late=trace or _EMPTY.match(line, bundle.end()) is not None,
                    delay=sum(int(delay["cycles"]) for delay in _DELAY.finditer(line)),
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


def parse(lines: Iterable[str]) -> Schedule:
    """Parses the lines of a `*final_bundles.txt` file."""
    schedule = Schedule()
    stack: list[Loop] = []
    read = _read(lines)
    _settle_depths(read)
    for line in read:
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
        if stack:
            stack[-1].own += 1
        schedule.total += 1
        schedule.tracing += line.trace
        schedule.delay += line.delay
        schedule.scopes[line.scope] = schedule.scopes.get(line.scope, 0) + 1
        schedule.depths[line.depth] = schedule.depths.get(line.depth, 0) + 1
    return schedule


def parse_file(path: str | Path) -> Schedule:
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse(file)


def merge(schedules: Iterable[Schedule]) -> Schedule:
    """Several kernels of one program as one."""
    merged = Schedule()
    for schedule in schedules:
        merged.total += schedule.total
        merged.tracing += schedule.tracing
        merged.delay += schedule.delay
        merged.loops += schedule.loops
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
