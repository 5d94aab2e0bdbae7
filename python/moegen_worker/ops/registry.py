"""Operations by name: one file each in `ops`, one line each here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import compile as compile_op
from . import edit, hello, mutants, peer, probe, search
from . import time as time_op
from . import validate

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
