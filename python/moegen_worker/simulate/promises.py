"""What a kernel promises the compiler of an index, held against the index itself.

`pl.multiple_of(index, n)` is taken on trust: where it is false the compiler may address other memory,
and the interpreter, which does not look at it, sees nothing. Here such an index goes down to the
multiple that it is said to be: then its data are wrong, or race, or lie out of bounds.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest import mock


def _as_promised(index: Any, multiple: int) -> Any:
    """The largest multiple that is not above an index >= 0: the index itself if the promise holds.

    Raises:
        ValueError: An index that is known beforehand is no multiple.
    """
    from jax import lax

    if isinstance(index, int):
        if index % multiple:
            raise ValueError(f"{index} is promised to be a multiple of {multiple}")
        return index
    return index - lax.rem(index, lax.full_like(index, multiple))


def held() -> AbstractContextManager[Any]:
    """Programs that are traced meanwhile have their indices as they promise them."""
    from jax.experimental import pallas as pl

    return mock.patch.object(pl, "multiple_of", _as_promised)
