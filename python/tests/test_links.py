"""What validation finds in the copies of a package between devices that say where they sit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from moegen_worker.mutants.mutant import Mutant
from moegen_worker.package import loading
from moegen_worker.validate import links

GENERATED = Path(__file__).parents[2] / "generated"


@pytest.mark.parametrize("name", ["qwen3_235b_a22b_fp8", "qwen3_30b_a3b", "qwen3_235b_a22b_ep16"])
def test_generated_packages_follow_the_links(name: str) -> None:
    assert links.check(loading.load(GENERATED / name)) is None


def test_so_do_those_of_a_mesh_of_one_axis(tmp_path: Path) -> None:
    whole = GENERATED / "qwen3_235b_a22b_fp8"
    source = (whole / "shapes.py").read_text()
    one = source.replace('MESH_AXES = ("data", "tensor")', 'MESH_AXES = ("expert",)')
    assert one != source
    texts = {"shapes.py": one}
    made = Mutant("", "", "", "", 0, None, (), (), texts, name="one").write(whole, tmp_path)
    assert links.check(loading.load(made)) is None


FAULTS = [
    ("places.max(axis=0) + 1", "places.max(axis=0)"),
    ("places -= places.min(axis=0)", "places -= 0"),
    (
        "for axis, size in enumerate(extent[:-1]) if size > 1] + [-1]",
        "for axis, size in enumerate(extent[:-1]) if size > 1]",
    ),
    ("(*reversed(device.coords), device.core_on_chip)", "(*device.coords, device.core_on_chip)"),
    (
        "(place[axis] + (1 if way > 0 else -1)) % size",
        "(place[axis] + (2 if way > 0 else -2)) % size",
    ),
]


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_a_fault_is_found(text: str, fault: str, tmp_path: Path) -> None:
    whole = GENERATED / "qwen3_235b_a22b_fp8"
    source = (whole / "topology.py").read_text()
    assert source.count(text) == 1
    found: dict[str, Any] | None
    mutant = Mutant(
        "arithmetic",
        "",
        "",
        "topology.py",
        0,
        None,
        (),
        (),
        {"topology.py": source.replace(text, fault)},
        name="f",
    )
    found = links.check(loading.load(mutant.write(whole, tmp_path)))
    assert found is not None and not found["ok"], fault
    assert "on a mesh of" in found["failure"]["message"]


def teardown_module() -> None:
    for name in [name for name in sys.modules if name.startswith("qwen3_")]:
        del sys.modules[name]
