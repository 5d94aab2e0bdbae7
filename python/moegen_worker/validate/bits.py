"""Whether a token's result is the same to the last bit whatever is around it.

A call of T tokens, then the same tokens in other calls: on other devices and at other places, among
others that crowd few experts, each alone, in several passes, and in the token buckets above. What a
token brings is the same in all: its row, its logits or its ids and weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..package.loading import MoePackage
from . import cases
from .cases import Case
from .inputs import InputMaker, Inputs, Route

# Of a usual T: how many times as many tokens the buckets above may begin at.
LARGER = (2, 4, 8)


@dataclasses.dataclass(frozen=True)
class Other:
    """Another call with some of the tokens: `tokens` (n,) of the first call are at `places` (n,)."""

    what: str
    case: Case
    inputs: Inputs
    tokens: np.ndarray
    places: np.ndarray

    @property
    def count(self) -> int:
        """T of this call."""
        return int(self.inputs.tokens.shape[1])

    def difference(self, first: np.ndarray, result: np.ndarray) -> str | None:
        """The first token whose bits differ between the first call's (T, D) and this one's."""
        one, two = bits(first)[self.tokens], bits(result)[self.places]
        wrong = np.flatnonzero((one != two).any(axis=1))
        if len(wrong) == 0:
            return None
        index = wrong[0]
        columns = int((one[index] != two[index]).sum())
        return (
            f"token {self.tokens[index]}, {self.what} (T={self.count}, at {self.places[index]}):"
            f" {columns} of {one.shape[1]} columns have other bits; so have"
            f" {len(wrong)} of {len(self.tokens)} tokens"
        )


def bits(result: np.ndarray) -> np.ndarray:
    """(T, D) of bfloat16 or float32 as unsigned integers."""
    result = np.ascontiguousarray(result)
    return result.view(np.uint16 if result.dtype.itemsize == 2 else np.uint32)


def others(
    case: Case, first: Inputs, package: MoePackage, maker: InputMaker, route: Route, divided: bool
) -> Iterator[Other]:
    """Other calls with tokens of the first call of `first`, the cheapest first; each by itself.
    `divided`: as many tokens on each device, where XLA's own copies would hold devices together."""
    case = dataclasses.replace(case, calls=1)
    count = first.tokens.shape[1]
    every = np.arange(count)
    crowd = Crowd(first, maker, route, cases.generator(0, case.name, 1))
    if count > 1:
        share = -(-count // package.devices)
        moved = (every + share + count // 3 + 1) % count
        yield Other("elsewhere", case, crowd.around(every, moved, count), every, moved)
        some = every[::3]
        places = count - 1 - some
        yield Other("in another batch", case, crowd.around(some, places, count), some, places)
    for token in sorted({0, count // 2, count - 1}):
        one, place = np.array([token]), np.zeros(1, int)
        least = package.devices if divided else 1
        yield Other("alone", case, crowd.around(one, place, least), one, place)
    larger = [(count * times, f"in a call of {count * times}", case) for times in LARGER]
    tiles = package.tiles.select_tiles if package.tiles is not None else None
    usual = None if tiles is None else tiles(None, count)
    larger = [one for one in larger if tiles is not None and tiles(None, one[0]) != usual]
    passes = 18 * package.devices if divided else cases.beyond_one_pass(count, package.devices)
    if package.small_pass_tiles(passes) is not None:
        small = dataclasses.replace(case, small_passes=True)
        larger.insert(0, (passes, "in several passes", small))
    for most, what, form in larger:
        if most < count:
            continue
        places = every * most // count
        yield Other(what, form, crowd.around(every, places, most), every, places)


class Crowd:
    """Puts tokens of a call among others, all of which choose the first expert of a device."""

    def __init__(
        self, first: Inputs, maker: InputMaker, route: Route, rng: np.random.Generator
    ) -> None:
        self._first, self._maker, self._route, self._rng = first, maker, route, rng

    def around(self, tokens: np.ndarray, places: np.ndarray, count: int) -> Inputs:
        """A call of `count` tokens with some of the first call's at `places`."""
        first = self._first
        logits = cases.first_experts(self._rng, self._maker.shape(count))
        rows = self._rng.standard_normal((count, first.tokens.shape[2]), np.float32)
        weights, ids = (np.array(x) for x in self._route(logits))
        made = [rows.astype(first.tokens.dtype), logits, weights, ids]
        given = [first.tokens, first.logits, first.weights, first.ids]
        for array, own in zip(made, given, strict=True):
            array[places] = own[0, tokens]
        return Inputs(*(array[None] for array in made), first.model)
