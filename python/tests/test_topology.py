"""Where the devices of a mesh sit, as the generated package reads it, and the copies it makes of that."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

GENERATED = Path(__file__).parents[2] / "generated"
NAME = "qwen3_235b_a22b_fp8"


class Device(NamedTuple):
    """What `topology` reads of a device."""

    id: int
    coords: tuple[int, int, int]
    core_on_chip: int
    device_kind: str = "TPU7x"


# v7x, ep 8: four chips of two devices, in JAX's order.
DEVICES = [
    Device(2 * (2 * y + x) + core, (x, y, 0), core)
    for y in range(2)
    for x in range(2)
    for core in range(2)
]


@pytest.fixture
def topology(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    sys.path.insert(0, str(GENERATED))
    try:
        import importlib

        module = importlib.import_module(f"{NAME}.topology")

        class Mesh:
            """A mesh by its devices alone; JAX's own takes none that are made up."""

            axis_names = module.MESH_AXES

            def __init__(self, devices: list[Device]) -> None:
                self.devices = np.empty((1, len(devices)), object)
                self.devices[0] = devices

        monkeypatch.setattr(module, "Mesh", Mesh)
        yield module
    finally:
        sys.path.remove(str(GENERATED))
        for name in [name for name in sys.modules if name.startswith(NAME)]:
            del sys.modules[name]


def sends(topology: Any, relays: Any) -> list[tuple[int, int, int]]:
    """(device, block, peer) of all copies of an all-gather."""
    found = []
    for me, table in enumerate(relays.table.reshape(topology.EP_SIZE, relays.words)):
        for index in range(table[topology.GATHER_END]):
            first = topology.HEADER + index * topology.STEP_WORDS
            block, _, peer, _ = (int(word) for word in table[first : first + topology.STEP_WORDS])
            if peer != me:
                found.append((me, block, peer))
    return found


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_copies_go_along_the_links_of_a_mesh_in_any_order(topology: Any, seed: int | None) -> None:
    order = np.arange(8) if seed is None else np.random.default_rng(seed).permutation(8)
    devices = [DEVICES[index] for index in order]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relays = topology.relays_of(topology.Mesh(devices), 2)
    copies = sends(topology, relays)
    assert len(copies) == 2 * 8 * 7
    chips = {device: (*devices[device].coords, 0) for device in range(8)}
    between = 0
    for sender, _, peer in copies:
        apart = np.abs(np.subtract(chips[sender], chips[peer])).sum()
        # A neighbour chip's device of the same place, or the other device of the same chip.
        same = devices[sender].core_on_chip == devices[peer].core_on_chip
        assert apart + (not same) == 1
        between += int(apart)
    # Each of eight blocks crosses to three other chips, once.
    assert between == 2 * 8 * 3


def test_devices_without_a_place_are_in_the_default_order(topology: Any) -> None:
    placed = topology.relays_of(topology.Mesh(DEVICES), 4)
    assumed = topology.relays_of(None, 4)
    assert np.array_equal(placed.table, assumed.table)
    assert placed.slots == assumed.slots == 28


def test_devices_that_fill_no_box_get_all_straight_and_are_named(topology: Any) -> None:
    gap = [*DEVICES[:6], *(Device(8 + core, (2, 0, 0), core) for core in range(2))]
    with pytest.warns(UserWarning, match="fill no box of chips"):
        relays = topology.relays_of(topology.Mesh(gap), 2)
    assert np.array_equal(relays.table, topology.relays_of(None, 0).table)
    # Whoever cuts rows into parts that nobody sends loses them.
    assert relays.parts == 0
    assert all(sender == block for sender, block, _ in sends(topology, relays))


def test_straight_asks_for_no_box(topology: Any) -> None:
    gap = [*DEVICES[:7], Device(9, (5, 5, 5), 0)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relays = topology.relays_of(topology.Mesh(gap), 0)
    assert relays.slots == 7


def test_a_kind_without_tiles_gets_all_straight_where_sums_find_no_room(topology: Any) -> None:
    # A row of eight chips: more is passed on in its middle than on four chips of two devices.
    row = [Device(x, (x, 0, 0), 0, "TPU v5 lite") for x in range(8)]
    relays = topology.relays_of(topology.Mesh(row), 2)
    assert relays.slots > topology.relays_of(None, 2).slots
    with pytest.warns(UserWarning, match="no room for the sums on their way"):
        straight = topology.relays_with_room(topology.Mesh(row), 2)
    assert (straight.parts, straight.slots) == (0, 7)
    # In the tiles' own box, of whatever kind, nothing changes.
    foreign = [device._replace(device_kind="TPU v5 lite") for device in DEVICES]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = topology.relays_with_room(topology.Mesh(foreign), 2)
    assert (same.parts, same.slots) == (2, 14)
