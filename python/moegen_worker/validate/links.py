"""Copies of a package on a mesh whose devices say where they sit: simulated ones do not."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..package.loading import MoePackage
from .judging import Verdict, failed

PARTS = (1, 2)
# Steps of chips from the origin of a slice to the devices of a mesh.
OFFSET = (1, 2, 0)

Place = tuple[int, ...]


class Device(NamedTuple):
    """What a package reads of one."""

    device_kind: str
    coords: tuple[int, int, int]
    core_on_chip: int


def check(package: MoePackage) -> Verdict | None:
    """All blocks reach all devices, once, from neighbour to neighbour, however the mesh orders its
    devices; as they do without places where that is JAX's order. None: it is so."""
    topology = package.topology
    if topology is None or package.ep == 1:
        return None
    for at, (kind, (sizes, wraps)) in enumerate(topology.TORUS.items()):
        places = list(itertools.product(*map(range, sizes)))
        if len(places) != package.ep:
            continue
        mixed = np.random.default_rng(at).permutation(package.ep)
        for order, parts in itertools.product((range(package.ep), mixed), PARTS):
            here = [places[index] for index in order]
            relays, warned = _relays(topology, [_device(kind, place) for place in here], parts)
            wrong = warned or _astray(topology, relays, here, sizes, wraps)
            if wrong:
                return failed(f"on a mesh of {kind}: {wrong}")
            usual = at == 0 and list(order) == list(range(package.ep))
            if usual and not np.array_equal(relays.table, topology.relays_of(None, parts).table):
                return failed(f"on a mesh of {kind} in JAX's order copies go another way")
    return None


def _device(kind: str, place: Place) -> Device:
    """At a place of the box, whose last dimension is the chip's devices."""
    coords = [*reversed(place[:-1]), 0, 0, 0][:3]
    x, y, z = (int(here + first) for here, first in zip(coords, OFFSET, strict=True))
    return Device(kind, (x, y, z), place[-1])


@contextlib.contextmanager
def _made_up(topology: Any) -> Iterator[type]:
    """JAX's own mesh takes no devices that there are not."""

    class Mesh:
        axis_names = topology.MESH_AXES

        def __init__(self, devices: list[Device]) -> None:
            self.devices = np.empty((1,) * (len(self.axis_names) - 1) + (len(devices),), object)
            for index, device in enumerate(devices):
                self.devices[..., index] = [device]

    real, topology.Mesh = topology.Mesh, Mesh
    try:
        yield Mesh
    finally:
        topology.Mesh = real


def _relays(topology: Any, devices: list[Device], parts: int) -> tuple[Any, str | None]:
    with _made_up(topology) as mesh, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            relays = topology.relays_of(mesh(devices), parts)
        except Exception as error:  # noqa: BLE001 - a table that is not made is a finding
            return None, f"{type(error).__name__}: {error}"
    return relays, str(caught[0].message) if caught else None


def _copies(topology: Any, relays: Any) -> list[tuple[int, int, int, int]]:
    """(device, block, part, peer) of all copies of an all-gather."""
    found = []
    for me, table in enumerate(relays.table.reshape(topology.EP_SIZE, relays.words)):
        words = int(table[topology.GATHER_END]) * topology.STEP_WORDS
        steps = table[topology.HEADER : topology.HEADER + words].reshape(-1, topology.STEP_WORDS)
        found += [(me, int(b), int(part), int(peer)) for b, part, peer, _ in steps if peer != me]
    return found


def _astray(
    topology: Any, relays: Any, places: list[Place], sizes: Place, wraps: int
) -> str | None:
    """What is wrong with the copies of an all-gather."""
    copies = _copies(topology, relays)
    arrived = [(peer, block, part) for _, block, part, peer in copies]
    own = {(d, d, part) for d in range(len(places)) for part in range(relays.parts)}
    wanted = len(places) ** 2 * relays.parts
    if len(set(arrived) | own) != wanted or len(arrived) + len(own) != wanted:
        return "a part of a block does not reach a device, or twice"
    for me, _, _, peer in copies:
        apart = [(axis, abs(a - b)) for axis, (a, b) in enumerate(zip(places[me], places[peer]))]
        moved = [(axis, steps) for axis, steps in apart if steps]
        axis, steps = moved[0]
        ring = axis < len(sizes) - 1 and sizes[axis] >= wraps and steps == sizes[axis] - 1
        if len(moved) > 1 or not (steps == 1 or ring):
            return f"a copy from {places[me]} to {places[peer]}, which are no neighbours"
    held, size = set(own), -1
    while len(held) > size:
        size = len(held)
        held |= {(peer, b, part) for me, b, part, peer in copies if (me, b, part) in held}
    return None if len(held) == wanted else "a device passes on what it never has"
