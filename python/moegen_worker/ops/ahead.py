"""Compiles a call that another machine will time: what its JAX would keep of it.

Params: `name` and `files` (a package: path to text), `layer` (the plan's), `tokenAxes` (null: all of the
package's), `tokens`, `topology` (the other machine's slice, e.g. "v6e:2x2"), `number` (of the call there).
Result: `{entry: {name, data, sha256}}`, `data` in base64. The worker must have been started without the
settings that make the compiler dump: they would be part of what it makes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..package.files import write


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Compiles one call.

    Raises:
        OpError: "TOPOLOGY", the compiler does not know the slice; "NO_ENTRY", JAX keeps no such program;
            "BAD_PACKAGE", a file would lie outside of it.
    """
    from ..compiler import aot
    from ..device import cached, timing
    from ..package import arguments
    from ..package import loading as packages

    del emit
    axes = params.get("tokenAxes")
    token_axes = None if axes is None else tuple(axes)
    with tempfile.TemporaryDirectory(prefix="moegen-") as folder:
        below, kept = Path(folder) / "package", Path(folder) / "kept"
        kept.mkdir()
        write(params["files"], below)
        package = packages.load(below / str(params["name"]))
        devices = list(aot.topology(str(params["topology"])).devices)
        place = arguments.place(package, devices, token_axes)
        tokens = int(params["tokens"])
        wanted = arguments.of(package, params["layer"], tokens)
        with cached.cache(kept):
            call = timing.lowered(package, place, wanted, timing.program(int(params["number"])))
            call.compile(package.compiler_options(tokens))
        return {"entry": cached.take(kept)}
