"""Copies of a package on a mesh whose devices say where they sit: simulated ones do not."""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..package.loading import MoePackage
from .judging import Verdict, failed

PARTS = (1, 2)
# Chips along dimensions, then devices of a chip: more devices than are simulated, so that a dimension
# has a middle, and a way along it a direction.
LARGER = ((3, 2, 2), (4, 4, 1))
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
        for box, parts in itertools.product((sizes, *LARGER), PARTS):
            if box == sizes and math.prod(sizes) != package.ep:
                continue
            places = list(itertools.product(*map(range, box)))
            mixed = np.random.default_rng(at).permutation(len(places))
            for order in (range(len(places)), mixed):
                here = [places[index] for index in order]
                relays, warned = _relays(topology, [_device(kind, place) for place in here], parts)
                wrong = warned or _astray(topology, relays, here, box, wraps)
                if wrong:
                    return failed(f"on a mesh of {kind}: {wrong}")
                usual = at == 0 and box == sizes and list(order) == sorted(order)
                if usual and not np.array_equal(
                    relays.table, topology.relays_of(None, parts).table
                ):
                    return failed(f"on a mesh of {kind} in JAX's order copies go another way")
    return None


def _device(kind: str, place: Place) -> Device:
    """At a place of the box, whose last dimension is the chip's devices."""
    coords = [*reversed(place[:-1]), 0, 0, 0][:3]
    x, y, z = (int(here + first) for here, first in zip(coords, OFFSET, strict=True))
    return Device(kind, (x, y, z), place[-1])


@contextlib.contextmanager
def _made_up(topology: Any, count: int) -> Iterator[type]:
    """A mesh of so many devices: JAX's own takes none that there are not."""

    class Mesh:
        axis_names = topology.MESH_AXES

        def __init__(self, devices: list[Device]) -> None:
            # One by one: numpy takes a device, which is a tuple, for a row of several.
            listed = np.empty(len(devices), object)
            for index, device in enumerate(devices):
                listed[index] = device
            self.devices = listed.reshape((1,) * (len(self.axis_names) - 1) + (len(devices),))

    real = (topology.Mesh, topology.EP_SIZE)
    topology.Mesh, topology.EP_SIZE = Mesh, count
    try:
        yield Mesh
    finally:
        topology.Mesh, topology.EP_SIZE = real


def _relays(topology: Any, devices: list[Device], parts: int) -> tuple[Any, str | None]:
    with _made_up(topology, len(devices)) as mesh, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            relays = topology.relays_of(mesh(devices), parts)
        except Exception as error:  # noqa: BLE001 - a table that is not made is a finding
            return None, f"{type(error).__name__}: {error}"
    return relays, str(caught[0].message) if caught else None


def _copies(topology: Any, relays: Any) -> list[tuple[int, int, int, int]]:
    """(device, block, part, peer) of all copies of an all-gather."""
    found = []
    for me, table in enumerate(relays.table.reshape(-1, relays.words)):
        words = int(table[topology.GATHER_END]) * topology.STEP_WORDS
        steps = table[topology.HEADER : topology.HEADER + words].reshape(-1, topology.STEP_WORDS)
        found += [(me, int(b), int(part), int(peer)) for b, part, peer, _ in steps if peer != me]
    return found


def _taken(topology: Any, relays: Any, me: int) -> list[int]:
    """Blocks of others in the order in which a device awaits them."""
    table = relays.table.reshape(-1, relays.words)[me]
    words = int(table[topology.GATHER_END]) * topology.STEP_WORDS
    steps = table[topology.HEADER : topology.HEADER + words].reshape(-1, topology.STEP_WORDS)
    return [int(block) for block, _, _, awaited in steps if block != me and awaited]


def _arrival(apart: Place) -> tuple[int, int]:
    """The dimension along which a block comes at last, and how far."""
    last = max(axis for axis, steps in enumerate(apart) if steps)
    return last, apart[last]


def _moved(here: Place, there: Place) -> list[int]:
    """Dimensions in which two places differ."""
    return [axis for axis, (a, b) in enumerate(zip(here, there, strict=True)) if a != b]


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
        axis, *more = _moved(places[me], places[peer])
        steps = abs(places[me][axis] - places[peer][axis])
        ring = axis < len(sizes) - 1 and sizes[axis] >= wraps and steps == sizes[axis] - 1
        if more or not (steps == 1 or ring):
            return f"a copy from {places[me]} to {places[peer]}, which are no neighbours"
    axes = [axis for me, _, _, peer in copies for axis in _moved(places[me], places[peer])]
    alike = {sizes[axis] for axis in range(len(sizes) - 1) if sizes[axis] > 1}
    chips = [axis for axis in range(len(sizes) - 1) if sizes[axis] > 1]
    rotated = relays.parts == len(chips) > 1 and len(alike) == 1
    if rotated and len({axes.count(axis) for axis in chips}) > 1:
        return "one dimension has more copies than another of the same size"
    hops = dict.fromkeys(own, 0)
    for _ in places:
        hops |= {
            (peer, b, part): hops[me, b, part] + 1
            for me, b, part, peer in copies
            if (me, b, part) in hops
        }
    if len(hops) < wanted:
        return "a device passes on what it never has"

    def far(device: int, block: int) -> Place:
        """Links between two devices, by dimension."""
        apart = [abs(a - b) for a, b in zip(places[device], places[block], strict=True)]
        rings = [size >= wraps for size in sizes]
        found = zip(apart, sizes, rings, strict=True)
        return tuple(min(steps, size - steps) if ring else steps for steps, size, ring in found)

    for (device, block, _), count in hops.items():
        least = sum(far(device, block))
        if count > least:
            return f"{count} copies from {places[block]} to {places[device]}, {least} will do"
    if relays.parts > 1:
        return None
    for me in range(len(places)):
        # Of one dimension those of near devices come first.
        taken = [_arrival(far(me, block)) for block in _taken(topology, relays, me)]
        if taken != sorted(taken):
            return f"{places[me]} waits for what comes later before what comes first"
    return None
