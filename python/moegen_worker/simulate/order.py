"""Who runs next: a schedule of devices and copies that a seed decides."""

from __future__ import annotations

import dataclasses

import numpy as np

DEVICES = ("even", "ahead", "behind")
COPIES = ("late", "any", "early")


@dataclasses.dataclass(frozen=True)
class Order:
    """One schedule.

    Attributes:
      seed: what decides between equals.
      devices: "even": any that can run; "ahead": one device whenever it can, so that it reaches the
        next call while the others are in this one; "behind": one device only when no other can.
      copies: "late": a copy moves when a device can go on no other way, the newest first; "early":
        as soon as it is started; "any": at any time between the two.
      favourite: the device that is ahead or behind.
    """

    seed: int = 0
    devices: str = "even"
    copies: str = "late"
    favourite: int = 0

    def __str__(self) -> str:
        who = {
            "even": "devices in any order",
            "ahead": f"device {self.favourite} ahead",
            "behind": f"device {self.favourite} behind",
        }[self.devices]
        return f"{who}, copies {'at any time' if self.copies == 'any' else self.copies}"


def of_seed(seed: int, devices: int) -> Order:
    """The schedule of a seed: nine in a row are all kinds of devices with all kinds of copies."""
    kind, copies = DEVICES[seed % 3], COPIES[seed // 3 % 3]
    favourite = int(np.random.default_rng([seed, devices]).integers(devices))
    return Order(seed, kind, copies, favourite)
