"""What a kernel promises the compiler of an index, held against the index itself.

`pl.multiple_of(index, n)` is taken on trust: where it is false the compiler may address other memory,
and the interpreter, which does not look at it, sees nothing. Here such an index goes down to the
multiple that it is said to be: then its data are wrong, or race, or lie out of bounds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


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


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Programs that are traced meanwhile have their indices as they promise them."""
    from jax.experimental import pallas as pl

    trusted = pl.multiple_of
    pl.multiple_of = _as_promised  # type: ignore[assignment]
    try:
        yield
    finally:
        pl.multiple_of = trusted
