"""Loads and stores of simulated kernels, without the interpreter's detours.

JAX's interpreter builds trees of each load's and store's indices, and takes them apart, at every
call. Here the place of each index among a callback's arguments is found out once; every access is
then checked and made as the interpreter does it. Whatever is out of the ordinary, an access out of
bounds above all, is left to the interpreter itself.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# A callback's arguments before the indices: token, device, core, memory space, buffer.
HEAD = 5


class _Leaf:
    """Stands for one argument of a callback."""

    def __init__(self, place: int) -> None:
        self.place = place


# One dimension: the place of its start (or the start itself), and size and stride; None: one index.
Dimension = tuple[int | None, int, tuple[int, int] | None]


class Access:
    """One load or store of a kernel's source."""

    def __init__(
        self, dimensions: Sequence[Dimension], value: int | None, source: Any, jax: Any
    ) -> None:
        """`value`: the place of what is stored; None: a load. `jax`: the interpreter's module."""
        self._dimensions, self._value, self._source, self._jax = dimensions, value, source, jax
        self._spaces = jax.TPU_MEMORY_SPACE_NAMES

    def make(self, args: Sequence[Any]) -> tuple[Any, Any] | None:
        """Token and what was there; None: nothing was done, it is the interpreter's to do."""
        jax = self._jax
        shared = jax._get_shared_memory()
        if shared._failure is not None or shared.logging_mode or not shared.detect_races:
            return None
        device, core, space = int(args[1]), int(args[2]), self._spaces[int(args[3])]
        key = (space, int(args[4]), device, 0 if space in ("any", "hbm") else core)
        value = None if self._value is None else args[self._value]
        with shared.lock:
            buffer = shared.mem.get(key)
            content = getattr(buffer, "_content", None)
            if content is None or content.shape != buffer._logical_shape:
                return None
            index = self._index(args, content.shape)
            if index is None:
                return None
            part = content[index]
            if value is not None and (value.dtype != content.dtype or value.shape != part.shape):
                return None
            number = shared.get_global_core_id(device, core)
            clock = shared.clocks[number]
            clock[number] += 1
            clock = clock.copy()
            found = np.array(part)
            if value is not None:
                content[index] = value
        check = jax.races.check_read if value is None else jax.races.check_write
        check(device, core, clock, key, index, source_info=self._source)
        return args[0], found

    def _index(self, args: Sequence[Any], shape: tuple[int, ...]) -> tuple[Any, ...] | None:
        """As numpy takes it; None where a part of it is out of bounds."""
        if len(self._dimensions) > len(shape):
            return None
        index: list[Any] = []
        for (place, start, cut), most in zip(self._dimensions, shape, strict=False):
            if place is not None:
                start = int(args[place])
            if start < 0:
                return None
            if cut is None:
                if start >= most:
                    return None
                index.append(start)
                continue
            size, stride = cut
            if start + (size - 1) * stride >= most:
                return None
            index.append(slice(start, start + size * stride, stride))
        return tuple(index)


class Accesses:
    """The accesses among callbacks; asked for each time one of them is made."""

    def __init__(self, jax: Any) -> None:
        """`jax`: the interpreter's module."""
        self._jax = jax
        # Each with what tells when its callback is gone: a number may then be another's.
        self._known: dict[int, tuple[weakref.ref[Any], Access | None]] = {}

    def of(self, callback: Any) -> Access | None:
        """None: this callback is another thing, or an access that is not an ordinary one."""
        number = id(callback)
        known = self._known.get(number)
        if known is None:
            gone = weakref.ref(callback, lambda _: self._known.pop(number, None))
            known = self._known[number] = (gone, self._access(callback))
        return known[1]

    def _access(self, callback: Any) -> Access | None:
        function = callback.callback_func
        if not isinstance(function, functools.partial) or set(function.keywords) != {"source_info"}:
            return None
        kinds: dict[Any, Callable[[Sequence[Any]], Any]] = {
            self._jax.get: lambda a: (a, None),
            self._jax.swap: lambda a: (a[:-2], a[-2].place) if a[-1] is None else None,
        }
        take = kinds.get(function.func)
        if take is None or function.args:
            return None
        tree = callback.in_tree
        leaves = [_Leaf(place) for place in range(tree.num_leaves)]
        arguments, named = tree.unflatten(leaves)
        taken = take(arguments) if not named else None
        if taken is None:
            return None
        head, value = taken
        if len(head) != HEAD + 1 or [getattr(a, "place", None) for a in head[:HEAD]] != list(
            range(HEAD)
        ):
            return None
        dimensions = _dimensions(head[HEAD])
        if dimensions is None:
            return None
        return Access(dimensions, value, function.keywords["source_info"], self._jax)


def _dimensions(transforms: Any) -> list[Dimension] | None:
    """Of no indexer, or of one; None: of several, or of what is no plain indexer."""
    if len(transforms) > 1:
        return None
    found: list[Dimension] = []
    for index in getattr(transforms[0], "indices", [None]) if transforms else ():
        if isinstance(index, _Leaf):
            found.append((index.place, 0, None))
            continue
        start, size, stride = (getattr(index, name, None) for name in ("start", "size", "stride"))
        if not (isinstance(size, int) and isinstance(stride, int) and size > 0 and stride > 0):
            return None
        if isinstance(start, _Leaf):
            found.append((start.place, 0, (size, stride)))
        elif isinstance(start, int):
            found.append((None, start, (size, stride)))
        else:
            return None
    return found
