"""Operations by name: one file each in `ops`, one line each here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ops import compile as compile_op
from .ops import edit, hello, mutants, peer, probe, search
from .ops import time as time_op
from .ops import validate

Op = Callable[[dict[str, Any], Callable[..., None]], Any]

OPS: dict[str, Op] = {
    "hello": hello.run,
    "validate": validate.run,
    "mutants": mutants.run,
    "compile": compile_op.run,
    "peer": peer.run,
    "time": time_op.run,
    "search": search.run,
    "probe": probe.run,
    "edit": edit.run,
}
