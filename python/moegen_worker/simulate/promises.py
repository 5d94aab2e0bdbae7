"""What a kernel promises the compiler of an index, held against the index itself.

`pl.multiple_of(index, n)` is taken on trust: where it is false the compiler may address other memory,
and the interpreter, which does not look at it, sees nothing. Here such an index goes down to the
multiple that it is said to be: then its data are wrong, or race, or lie out of bounds.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Programs are traced on a thread of their own, while others run: each says so for itself.
_thread = threading.local()


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


@functools.cache
def _install() -> None:
    """Puts what looks whether promises are held in the place of `pl.multiple_of`, for good."""
    from jax.experimental import pallas as pl

    trusted = pl.multiple_of

    @functools.wraps(trusted)
    def multiple_of(index: Any, multiple: int) -> Any:
        return (_as_promised if getattr(_thread, "held", False) else trusted)(index, multiple)

    pl.multiple_of = multiple_of


@contextmanager
def held() -> Iterator[None]:
    """Programs that this thread traces meanwhile have their indices as they promise them."""
    _install()
    before = getattr(_thread, "held", False)
    _thread.held = True
    try:
        yield
    finally:
        _thread.held = before
