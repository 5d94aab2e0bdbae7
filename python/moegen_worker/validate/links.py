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
from .ways import gather_steps

PARTS = (1, 2)
# Chips along dimensions, then devices of a chip: more devices than are simulated, so that a dimension
# has a middle, and a way along it a direction.
LARGER = ((3, 2, 2), (4, 4, 1))
# Steps of chips from the origin of a slice to the devices of a mesh.
OFFSET = (1, 2, 0)

Place = tuple[int, ...]
# By device, block and part.
Hops = dict[tuple[int, int, int], int]


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


def _arrival(apart: Place) -> tuple[int, int]:
    """The dimension along which a block comes at last, and how far."""
    last = max(axis for axis, steps in enumerate(apart) if steps)
    return last, apart[last]


def _apart(here: Place, there: Place, sizes: Place, wraps: int) -> Place:
    """Links between two places, by dimension; around a ring the shorter way."""
    apart = [abs(a - b) for a, b in zip(here, there, strict=True)]
    both = zip(apart, sizes, strict=True)
    return tuple(min(steps, size - steps) if size >= wraps else steps for steps, size in both)


def _hops(copies: list[tuple[int, int, int, int]], own: set[tuple[int, int, int]]) -> Hops:
    """Copies that follow each other until a device has a part of a block: of what comes at all."""
    hops, before = dict.fromkeys(own, 0), 0
    while len(hops) > before:
        before = len(hops)
        hops |= {
            (peer, block, part): hops[me, block, part] + 1
            for me, block, part, peer in copies
            if (me, block, part) in hops
        }
    return hops


def _astray(
    topology: Any, relays: Any, places: list[Place], sizes: Place, wraps: int
) -> str | None:
    """What is wrong with the copies of an all-gather."""
    steps = [[tuple(map(int, step)) for step in one] for one in gather_steps(topology, relays)]
    copies = [(me, *step[:3]) for me, one in enumerate(steps) for step in one if step[2] != me]
    own = {(d, d, part) for d in range(len(places)) for part in range(relays.parts)}
    reached = [*own, *((peer, block, part) for _, block, part, peer in copies)]
    wanted = len(places) ** 2 * relays.parts
    if len(set(reached)) != wanted or len(reached) != wanted:
        return "a part of a block does not reach a device, or twice"

    def apart(device: int, other: int) -> Place:
        return _apart(places[device], places[other], sizes, wraps)

    ways = [apart(me, peer) for me, _, _, peer in copies]
    for (me, _, _, peer), way in zip(copies, ways, strict=True):
        if sum(way) != 1:
            return f"a copy from {places[me]} to {places[peer]}, which are no neighbours"
    chips = [axis for axis, size in enumerate(sizes[:-1]) if size > 1]
    rotated = relays.parts == len(chips) > 1 and len({sizes[axis] for axis in chips}) == 1
    if rotated and len({sum(way[axis] for way in ways) for axis in chips}) > 1:
        return "one dimension has more copies than another of the same size"
    hops = _hops(copies, own)
    if len(hops) < wanted:
        return "a device passes on what it never has"
    for (device, block, _), count in hops.items():
        least = sum(apart(device, block))
        if count > least:
            return f"{count} copies from {places[block]} to {places[device]}, {least} will do"
    if relays.parts > 1:
        return None
    for me, one in enumerate(steps):
        # Of one dimension those of near devices come first.
        blocks = [block for block, _, _, awaited in one if block != me and awaited]
        taken = [_arrival(apart(me, block)) for block in blocks]
        if taken != sorted(taken):
            return f"{places[me]} waits for what comes later before what comes first"
    return None
