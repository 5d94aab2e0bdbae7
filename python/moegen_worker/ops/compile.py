"""Compiles a generated package ahead of time for one kind of TPU and one T.

Params: `name` and `files` (a package: path to text), `layer` (the plan's), `slices` ([{name,
devices}], of one kind), `tokens`, `tokenAxes` (null: all of the package's), `profile` (the schedule
in pieces too). One target a request, so that a crash of the compiler costs that target only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..package.files import write
from ..package.loading import MoePackage

# The package of the last request: a sweep over devices and T imports it once.
_last: tuple[tuple[str, dict[str, str]], MoePackage, Any] | None = None


def _package(name: str, files: dict[str, str]) -> MoePackage:
    """Loads a package; it stays, with its folder, until another is asked for."""
    from ..package import loading as packages

    global _last
    if _last is None or _last[0] != (name, files):
        if _last is not None:
            _last[2].cleanup()
            _last = None
        folder = tempfile.TemporaryDirectory(prefix="moegen-")
        write(files, Path(folder.name))
        _last = (name, files), packages.load(Path(folder.name) / name), folder
    return _last[1]


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Compiles one target. A package stays loaded until another is asked for."""
    from ..compiler import aot

    del emit
    package = _package(str(params["name"]), params["files"])
    tokens, axes = int(params["tokens"]), params.get("tokenAxes")
    result = aot.compile_kernel(package, params["layer"], params["slices"], tokens, axes)
    if result["bundles"] is not None and not params.get("profile", False):
        result["bundles"].pop("profile")
    return result
