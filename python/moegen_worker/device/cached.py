"""JAX's own persistent compilation cache, filled on a machine without the devices.

What the compiler makes for a topology is kept under the key that JAX reckons from the program, the compiler,
its settings and the topology; a host whose JAX reckons the same key takes it, and any other compiles. JAX
trusts its cache as it trusts a program, so the folder is this process' own and holds only what came with the
request, whole by its hash. Nothing of it is kept, and nothing is unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..wire.errors import OpError

# As JAX calls the file of a program: name, key.
_NAME = re.compile(r"jit_moegen_\d+-[0-9a-f]{64}-cache")
_HIT = "/jax/compilation_cache/cache_hits"


@dataclasses.dataclass
class Found:
    """How many programs came out of the cache."""

    hits: int = 0


# Of the cache that is open; a listener is there for good, as JAX takes none away.
_open: list[Found] = []


def _hear(event: str, **_: Any) -> None:
    if event == _HIT and _open:
        _open[-1].hits += 1


@functools.cache
def _listen() -> None:
    import jax

    jax.monitoring.register_event_listener(_hear)


@contextlib.contextmanager
def cache(folder: Path) -> Iterator[Found]:
    """Programs that are compiled in here are looked for in `folder`, and kept there.

    Where a kernel's source lies is no part of it: two machines have it in two folders, and one calls it
    from another line.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    settings = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        # Its folders would be part of the key.
        "jax_persistent_cache_enable_xla_caches": "none",
        "jax_hlo_source_file_canonicalization_regex": ".*/",
        "jax_include_full_tracebacks_in_locations": False,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    _listen()
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        _open.append(Found())
        yield _open[-1]
    finally:
        _open.clear()
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def put(entry: dict[str, Any], folder: Path) -> None:
    """Writes what another machine compiled.

    Raises:
        OpError: "BAD_ENTRY", it is called as no entry is, or not what was sent.
    """
    name, data = str(entry["name"]), base64.b64decode(entry["data"])
    if not _NAME.fullmatch(name):
        raise OpError("BAD_ENTRY", f"{name!r} is no entry of JAX's cache")
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise OpError("BAD_ENTRY", f"{name} is not what was compiled: its hash is another")
    (folder / name).write_bytes(data)


def take(folder: Path) -> dict[str, Any]:
    """The one program that was compiled.

    Raises:
        OpError: "NO_ENTRY", JAX kept none: it does not keep what calls back to Python.
    """
    found = [file for file in folder.iterdir() if _NAME.fullmatch(file.name)]
    if len(found) != 1:
        raise OpError("NO_ENTRY", f"JAX kept {len(found)} programs and not one")
    data = found[0].read_bytes()
    return {
        "name": found[0].name,
        "data": base64.b64encode(data).decode("ascii"),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
