"""The ways on which partial sums go home, of a package that passes them on from device to device."""

from __future__ import annotations

import numpy as np

from ..package.loading import MoePackage

Array = np.ndarray


def straight(devices: int) -> Array:
    """(1, block, device): every device sends the sums of a block to the block's own."""
    return np.broadcast_to(np.arange(devices)[:, None], (1, devices, devices))


def ways_of(package: MoePackage, count: int) -> Array:
    """(parts, block, device): whom a device sends its sums of a part of a block to, in a call of T
    tokens on devices that do not say where they sit; the block's own device: itself."""
    parts = 0
    if package.topology is not None and package.tiles is not None:
        parts = int(getattr(package.tiles.select_tiles(None, count), "parts", 0))
    if package.topology is None or parts == 0:
        return straight(package.ep)
    topology = package.topology
    relays = topology.relays_of(None, parts)
    found = np.tile(np.arange(package.ep)[:, None], (parts, 1, package.ep))
    for me, table in enumerate(relays.table.reshape(package.ep, -1)):
        words = int(table[topology.GATHER_END]) * topology.STEP_WORDS
        steps = table[topology.HEADER : topology.HEADER + words].reshape(-1, topology.STEP_WORDS)
        # Sums take the way of the rows backwards.
        for block, part, peer, _ in steps[steps[:, 2] != me]:
            found[part, block, peer] = me
    return found


def grown(sums: Array, way: Array, home: int) -> tuple[Array, Array]:
    """Partial sums (devices, n, D) of tokens of device `home` as each device sends them, with what
    it passes on; and where that is new (devices, n): where one alone is passed on it is rounded
    already.

    Args:
      sums: of each device.
      way: (device,) whom each sends to; `home` to itself.
      home: the tokens' device.
    """
    devices = len(way)
    far = np.zeros(devices, int)
    for device in range(devices):
        at = device
        while at != home:
            at, far[device] = way[at], far[device] + 1
    sent = sums.copy()
    own = np.abs(sums).max(axis=-1) > 0
    others = np.zeros(own.shape, int)
    for device in np.argsort(-far):
        if device != home:
            sent[way[device]] += sent[device]
            others[way[device]] += own[device] | (others[device] > 0)
    return sent, own | (others > 1)
