"""What the bundles of one kernel use of the machine's issue slots.

Two sources, line by line the same bundles: the compiler's own count of slots
(`*final_hlo-static-per-bundle-utilization.txt`), and for the matrix units, which that file gives
as busy cycles only, the instructions of the final bundles themselves.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

# The compiler's columns, under our names. Fills and spills are also loads and stores.
COLUMNS = {
    "XLU": "xlu",
    "VALU": "vector_alu",
    "VPOP": "pop",
    "EUP": "eup",
    "VLOAD": "load",
    "VLOAD:FILL": "fill",
    "VSTORE": "store",
    "VSTORE:SPILL": "spill",
    "SALU": "scalar",
}
# Read from the instructions: weights into a matrix unit, rows through it, results out of it.
MATRIX = ("push", "multiply", "multiply_f32", "matrix_pop")
WAITS = "waits"
NAMES = (*COLUMNS.values(), *MATRIX, WAITS)

# From v6e on an operand has two halves, `vmatprep.subr` with `vmatpush` and `vmatprep.mubr` with
# `vmatmul`: each half is an instruction of its own and takes a slot.
_PUSH = re.compile(r"\bvmat(?:push|prep\.subr)")
_MULTIPLY = re.compile(r"\bvmat(?:mul|prep\.mubr)(?P<kind>[\w.]*)")
_MATRIX_POP = re.compile(r"= vpop\.\w+\.mr")
_WAIT = re.compile(r"\b(?:dma\.done\.wait|vwait)\b")


@dataclasses.dataclass
class Utilization:
    """One `*-per-bundle-utilization.txt`: what a bundle can hold, and what each holds."""

    # Uses a bundle at most, by name.
    capacity: dict[str, int]
    # Matrix units of the core.
    matrix_units: int
    bundles: list[dict[str, int]]


def parse_utilization(text: str) -> Utilization | None:
    """None where the file is not of the known form."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("==")]
    if len(heads) != 2 or heads[1] < heads[0] + 3:
        return None
    titles = [title.strip() for title in lines[heads[0] + 1].split(",")]
    most = [int(value) for value in lines[heads[0] + 2].split()]
    if len(titles) != len(most) or not {"MXU", *COLUMNS} <= set(titles):
        return None
    found = dict(zip(titles, most, strict=True))
    wanted = [(titles.index(title), name) for title, name in COLUMNS.items()]
    rows = [line.split() for line in lines[heads[1] + 1 :] if line[:1].isdigit()]
    if any(len(row) != len(titles) for row in rows):
        return None
    bundles = [{name: int(row[i]) for i, name in wanted if row[i] != "0"} for row in rows]
    capacity = {name: found[title] for title, name in COLUMNS.items()}
    return Utilization(capacity, found["MXU"], bundles)


def utilization_beside(bundles_file: str | Path) -> Utilization | None:
    """The file that the compiler wrote for the same kernel; None where it wrote none."""
    path = Path(bundles_file)
    stem = re.sub(r"-\d+-final_bundles\.txt$", "", path.name)
    for file in path.parent.iterdir():
        name = file.name
        if name.startswith(stem + "-") and name.endswith(
            "final_hlo-static-per-bundle-utilization.txt"
        ):
            return parse_utilization(file.read_text("utf-8", "replace"))
    return None


def instructions(line: str) -> dict[str, int]:
    """Matrix instructions and waits of one bundle's text."""
    used: dict[str, int] = {}
    if "vmat" in line:
        used["push"] = len(_PUSH.findall(line))
        kinds = [match["kind"] for match in _MULTIPLY.finditer(line)]
        used["multiply_f32"] = sum(".f32" in kind for kind in kinds)
        used["multiply"] = len(kinds) - used["multiply_f32"]
    if "vpop" in line:
        used["matrix_pop"] = len(_MATRIX_POP.findall(line))
    if "wait" in line:
        used[WAITS] = len(_WAIT.findall(line))
    return {name: count for name, count in used.items() if count}


def add(total: dict[str, int], used: dict[str, int]) -> None:
    """Adds counts by name into `total`."""
    for name, count in used.items():
        total[name] = total.get(name, 0) + count


def to_json(utilization: Utilization | None) -> dict[str, Any] | None:
    """As the answer of `compile` has it; None where the compiler wrote no count of slots."""
    if utilization is None:
        return None
    return {"capacity": utilization.capacity, "matrixUnits": utilization.matrix_units}
