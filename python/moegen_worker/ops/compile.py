"""Compiles a generated package ahead of time for one kind of TPU and one T.

Params: `package` (folder), `layer` (the plan's), `slices` ([{name, devices}], of one kind),
`tokens`, `tokenAxes` (null: all of the package's), `profile` (the schedule in pieces too). One
target a request, so that a crash of the compiler costs that target only.
"""

from __future__ import annotations

from typing import Any

from ..package.loading import MoePackage

# The package of the last request: a sweep over devices and T imports it once.
_last: tuple[str, MoePackage] | None = None


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Compiles one target. A package stays loaded until another is asked for."""
    from ..compiler import aot
    from ..package import loading as packages

    del emit
    global _last
    folder = str(params["package"])
    if _last is None or _last[0] != folder:
        _last = (folder, packages.load(folder))
    tokens, axes = int(params["tokens"]), params.get("tokenAxes")
    result = aot.compile_kernel(_last[1], params["layer"], params["slices"], tokens, axes)
    if result["bundles"] is not None and not params.get("profile", False):
        result["bundles"].pop("profile")
    return result
