"""Rooms of the worker: each says what it is, imports go one way, no module needs itself."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import moegen_worker

WORKER = Path(moegen_worker.__file__).parent
# The order in which the package's docstring lists its rooms.
ROOMS = re.findall(r"^- `(\w+)`: ", str(moegen_worker.__doc__), re.MULTILINE)
# The process itself, which is in no room.
PROCESS = ("server", "__main__")


def modules(worker: Path) -> dict[tuple[str, ...], Path]:
    """File of each module, by its name's parts below the package; a room's own name for its
    `__init__`."""
    found = {}
    for file in sorted(worker.rglob("*.py")):
        parts = file.relative_to(worker).with_suffix("").parts
        found[parts[:-1] if parts[-1] == "__init__" else parts] = file
    return found


def imported(worker: Path) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(module, module that it imports), by names' parts; those inside functions too."""
    known = modules(worker)
    for module, file in known.items():
        package = module if file.name == "__init__.py" else module[:-1]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                for name in node.names:
                    assert not name.name.startswith(worker.name), f"{file}: imports are relative"
            if not isinstance(node, ast.ImportFrom):
                continue
            if not node.level:
                assert (
                    str(node.module).split(".")[0] != worker.name
                ), f"{file}: imports are relative"
                continue
            base = package[: len(package) - node.level + 1]
            base += tuple(node.module.split(".")) if node.module else ()
            for name in node.names:
                yield module, (*base, name.name) if (*base, name.name) in known else base


def wrong_way(worker: Path) -> list[str]:
    """Imports of a room from a later one, or from the process."""
    order = {room: place for place, room in enumerate(ROOMS)}
    return [
        f"{'.'.join(module)} imports {'.'.join(other)}"
        for module, other in imported(worker)
        if module[:1] and module[0] not in PROCESS
        if not other or order.get(other[0], len(order)) > order[module[0]]
    ]


def test_docstring_lists_the_rooms_that_are_there() -> None:
    folders = {file.parent.relative_to(WORKER).parts[0] for file in WORKER.glob("*/*.py")}
    assert sorted(ROOMS) == sorted(folders)
    files = {file.stem for file in WORKER.glob("*.py")} - {"__init__"}
    assert files == set(PROCESS)


@pytest.mark.parametrize("room", ROOMS)
def test_room_says_what_it_is(room: str) -> None:
    text = ast.get_docstring(ast.parse((WORKER / room / "__init__.py").read_text()))
    assert text, f"{room} does not say what it is"


def test_rooms_import_from_earlier_ones_only() -> None:
    assert wrong_way(WORKER) == []


def test_no_circle_of_modules() -> None:
    graph: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for module, other in imported(WORKER):
        graph.setdefault(module, set()).add(other)
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) > len(ROOMS)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("wire/bad.py", "from ..simulate import races\n", "wire.bad imports simulate.races"),
        (
            "package/bad.py",
            "def f():\n    from ..ops.hello import run\n",
            "package.bad imports ops.hello",
        ),
        ("validate/bad.py", "from ..server import serve\n", "validate.bad imports server"),
    ],
)
def test_an_import_the_wrong_way_is_found(tmp_path: Path, file: str, text: str, said: str) -> None:
    worker = tmp_path / WORKER.name
    for source in modules(WORKER).values():
        copy = worker / source.relative_to(WORKER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    (worker / file).write_text(text)
    assert wrong_way(worker) == [said]
