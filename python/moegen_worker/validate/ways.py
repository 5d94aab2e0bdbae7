"""The ways on which partial sums go home, of a package that passes them on from device to device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..package.loading import MoePackage

Array = np.ndarray


def straight(devices: int) -> Array:
    """(1, block, device): every device sends the sums of a block to the block's own."""
    return np.broadcast_to(np.arange(devices)[:, None], (1, devices, devices))


def through_chips(devices: int) -> Array:
    """The same where devices 2 i and 2 i + 1 share a chip, whose sums are added before they leave it:
    on the device at the place that the block's own has on its chip."""
    home, device = np.indices((devices, devices))
    here = (device % 2 == home % 2) | (device // 2 == home // 2)
    return np.where(here, home, device ^ 1)[None]


def gather_steps(topology: Any, relays: Any) -> list[Array]:
    """By device, (steps, 4) of its all-gather: block, part, peer (itself: none), awaited."""
    found = []
    for table in relays.table.reshape(-1, relays.words):
        words = int(table[topology.GATHER_END]) * topology.STEP_WORDS
        steps = table[topology.HEADER : topology.HEADER + words]
        found.append(steps.reshape(-1, topology.STEP_WORDS))
    return found


def ways_of(package: MoePackage, count: int) -> Array:
    """(parts, block, device): whom a device sends its sums of a part of a block to, in a call of T
    tokens on devices that do not say where they sit; the block's own device: itself."""
    tiles = None if package.tiles is None else package.tiles.select_tiles(None, count)
    if getattr(tiles, "chip_devices", 1) == 2:
        return through_chips(package.ep)
    parts = int(getattr(tiles, "parts", 0))
    if package.topology is None or parts == 0:
        return straight(package.ep)
    found = np.tile(np.arange(package.ep)[:, None], (parts, 1, package.ep))
    relays = package.topology.relays_of(None, parts)
    for me, steps in enumerate(gather_steps(package.topology, relays)):
        # Sums take the way of the rows backwards.
        for block, part, peer, _ in steps[steps[:, 2] != me]:
            found[part, block, peer] = me
    return found


def distances(way: Array, home: int) -> Array:
    """(device,) how often the sums of a device are sent until they are at `home`."""
    far = np.zeros(len(way), int)
    for device in range(len(way)):
        at = device
        while at != home:
            at, far[device] = way[at], far[device] + 1
    return far


def longest(ways: Array) -> int:
    """The most of these, over all blocks and parts."""
    pairs = ((way, home) for part in ways for home, way in enumerate(part))
    return max(int(distances(way, home).max()) for way, home in pairs)


def grown(sums: Array, way: Array, home: int) -> tuple[Array, Array]:
    """Partial sums (devices, n, D) of tokens of device `home` as each device sends them, with what
    it passes on; and where that is new (devices, n): where one alone is passed on it is rounded
    already.

    Args:
      sums: of each device.
      way: (device,) whom each sends to; `home` to itself.
      home: the tokens' device.
    """
    far = distances(way, home)
    sent = sums.copy()
    own = np.abs(sums).max(axis=-1) > 0
    others = np.zeros(own.shape, int)
    for device in np.argsort(-far):
        if device != home:
            sent[way[device]] += sent[device]
            others[way[device]] += own[device] | (others[device] > 0)
    return sent, own | (others > 1)


def passed_on(
    sums: Array, ways: Array, home: Array, rounding: Callable[[Array], Array]
) -> tuple[Array, Array, Array]:
    """(T, D) variance of rounding partial sums (devices, T, D) where they leave a device, a mean over
    `ways`: which part a token is in is not known here; how much more the variances of a row are on
    the worst of them (T,); and the largest value that was rounded so (T, D).

    `rounding`: gives the variance of rounding rows.
    """
    variance, largest = np.zeros(sums.shape[1:]), np.zeros(sums.shape[1:])
    more = np.zeros(len(home))
    for block in np.unique(home):
        here = np.flatnonzero(home == block)
        rows = np.zeros((len(ways), len(here)))
        for part, way in enumerate(ways[:, block]):
            sent, new = grown(sums[:, here], way, int(block))
            for device in np.flatnonzero(np.arange(len(way)) != block):
                rounded = np.where(new[device][:, None], rounding(sent[device]), 0.0)
                variance[here] += rounded / len(ways)
                rows[part] += rounded.sum(axis=-1)
                if way[device] == block:
                    most = np.abs(sent[device]) > np.abs(largest[here])
                    largest[here] = np.where(most, sent[device], largest[here])
        more[here] = rows.max(axis=0) - rows.mean(axis=0)
    return variance, more, largest


def alike(sums: Array, rounding: Callable[[Array], Array]) -> tuple[Array, Array]:
    """The same where each device rounds its own sums alone, and the token's own device too."""
    variance, largest = np.zeros(sums.shape[1:]), np.zeros(sums.shape[1:])
    for part in sums:
        variance += rounding(part)
        largest = np.where(np.abs(part) > np.abs(largest), part, largest)
    return variance, largest
