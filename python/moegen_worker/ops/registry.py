"""Operations by name: one file each in `ops`, one line each here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Op = Callable[[dict[str, Any], Callable[..., None]], Any]


def _of(module: str) -> Op:
    """The operation of a module that is loaded at the first call: `edit` needs no NumPy, and what
    compiles no LibCST."""

    def run(params: dict[str, Any], emit: Callable[..., None]) -> Any:
        return importlib.import_module(f".{module}", __package__).run(params, emit)

    return run


OPS: dict[str, Op] = {
    "hello": _of("hello"),
    "validate": _of("validate"),
    "mutants": _of("mutants"),
    "compile": _of("compile"),
    "ahead": _of("ahead"),
    "peer": _of("peer"),
    "time": _of("time"),
    "search": _of("search"),
    "probe": _of("probe"),
    "edit": _of("edit"),
}
