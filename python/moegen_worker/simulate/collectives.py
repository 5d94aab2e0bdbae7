"""Collectives between simulated devices that a device which fails does not leave the others at.

XLA's own end the process where a device never comes. These give the same values: each device brings its
array to a callback, waits there for the others', and takes what is its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Of all collectives of one process.
_places = itertools.count()


class Meetings:
    """Instead of `jax.lax` in a module that is traced for runs in turns: its collectives between all
    devices of a mesh with such axes, all else as it is."""

    def __init__(self, axes: Sequence[str]) -> None:
        self._axes = tuple(axes)

    def __getattr__(self, name: str) -> Any:
        from jax import lax

        return getattr(lax, name)

    def all_gather(self, array: Any, axes: Any, *, tiled: bool) -> Any:
        """All devices' rows, one below the other."""
        assert tiled
        shape = (array.shape[0] * self._size(axes), *array.shape[1:])
        return self._met(array, axes, shape, lambda brought, _: np.concatenate(brought))

    def psum_scatter(self, array: Any, axes: Any, *, tiled: bool) -> Any:
        """A device's share of the rows of all devices' sum, added in float32 as XLA on a CPU does."""
        assert tiled
        rows = array.shape[0] // self._size(axes)

        def own(brought: Sequence[np.ndarray], at: int) -> np.ndarray:
            parts = [part[at * rows : (at + 1) * rows].astype(np.float32) for part in brought]
            return sum(parts[1:], parts[0]).astype(brought[0].dtype)

        return self._met(array, axes, (rows, *array.shape[1:]), own)

    def pmax(self, array: Any, axes: Any) -> Any:
        """The largest of all devices' values."""
        return self._met(array, axes, array.shape, lambda brought, _: np.max(brought, axis=0))

    def _size(self, axes: Any) -> int:
        from jax import lax

        return int(np.prod([lax.axis_size(axis) for axis in _names(axes)]))

    def _groups(self, axes: Any) -> np.ndarray:
        """Of each device those that a collective along the axes is between, in their order."""
        from jax import lax

        sizes = [int(lax.axis_size(axis)) for axis in self._axes]
        numbers = np.arange(np.prod(sizes)).reshape(sizes)
        along = [self._axes.index(axis) for axis in _names(axes)]
        others = [at for at in range(len(sizes)) if at not in along]
        rows = numbers.transpose(*others, *along).reshape(-1, self._size(axes))
        groups = np.empty((numbers.size, rows.shape[1]), np.int64)
        for row in rows:
            groups[row] = row
        return groups

    def _met(
        self,
        array: Any,
        axes: Any,
        shape: tuple[int, ...],
        own: Callable[[Sequence[np.ndarray], int], np.ndarray],
    ) -> Any:
        import jax
        from jax import lax

        place, groups = next(_places), self._groups(axes)

        def meet(device: Any, value: Any) -> np.ndarray:
            from . import install

            number = int(device)
            group = [int(one) for one in groups[number]]
            turns = install.in_turns().turns
            brought = turns.meet(number, place, np.asarray(value), group)
            return np.asarray(own(brought, group.index(number)))

        made = jax.ShapeDtypeStruct(shape, array.dtype)
        return jax.experimental.io_callback(meet, made, lax.axis_index(self._axes), array)


def _names(axes: Any) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else tuple(axes)
