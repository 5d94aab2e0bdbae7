"""What another machine compiled is taken under the key that JAX reckons itself, and under no other."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from moegen_worker.device import cached
from moegen_worker.ops import ahead
from moegen_worker.wire.errors import OpError

LAYER = {"topK": 2, "activation": "silu", "routing": {"where": "kernel"}}


def compiled(folder: Path, factor: float) -> tuple[Any, bool]:
    """A program of this process' devices, as if nothing of it were known; whether it was."""

    def moegen_0(x: jax.Array) -> jax.Array:
        return jnp.sin(x) * factor

    jax.clear_caches()
    with cached.cache(folder) as found:
        program = jax.jit(moegen_0).lower(jax.ShapeDtypeStruct((8,), jnp.float32)).compile()
    return program, found.hits > 0


def moved(entry: dict[str, Any], folder: Path) -> Path:
    """Where a second machine has what came to it."""
    folder.mkdir()
    cached.put(entry, folder)
    return folder


def test_an_entry_serves_the_same_program_elsewhere_and_no_other(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    assert not compiled(here, 2.0)[1]
    there = moved(cached.take(here), tmp_path / "there")
    program, known = compiled(there, 2.0)
    assert known
    rows = np.arange(8, dtype=np.float32)
    assert np.allclose(program(rows), 2.0 * np.sin(rows), rtol=1e-5)
    assert not compiled(there, 3.0)[1]
    # What is compiled besides is nobody's.
    assert jax.config.jax_compilation_cache_dir is None


def test_an_entry_that_jax_cannot_read_is_compiled(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    compiled(here, 2.0)
    data = b"of another libtpu"
    entry = {
        "name": cached.take(here)["name"],
        "data": base64.b64encode(data).decode(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    there = moved(entry, tmp_path / "there")
    with pytest.warns(UserWarning, match="Error reading persistent compilation cache entry"):
        program, known = compiled(there, 2.0)
    assert not known
    assert np.allclose(program(np.ones(8, np.float32)), 2.0 * np.sin(1.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"sha256": "0" * 64}, "its hash is another"),
        ({"name": "../../jit_moegen_0-" + "0" * 64 + "-cache"}, "no entry of JAX's cache"),
        ({"name": "kernel.py"}, "no entry of JAX's cache"),
    ],
)
def test_what_is_no_entry_is_not_written(tmp_path: Path, changed: dict[str, str], why: str) -> None:
    data = b"whole"
    entry = {
        "name": "jit_moegen_0-" + "0" * 64 + "-cache",
        "data": base64.b64encode(data).decode(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    with pytest.raises(OpError, match=why):
        cached.put({**entry, **changed}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_slice_has_one_key_for_a_kernel_wherever_it_is_compiled(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TPU_SKIP_MDS_QUERY", "1")
    files = {f"{tiny.name}/{file.name}": file.read_text("utf-8") for file in tiny.glob("*.py")}
    params = {"name": tiny.name, "files": files, "layer": LAYER, "tokens": 32, "number": 0}

    def name(topology: str) -> str:
        jax.clear_caches()
        entry = ahead.run({**params, "topology": topology}, lambda *_, **__: None)["entry"]
        # An executable, and not an empty word.
        assert len(entry["data"]) > 10_000
        return str(entry["name"])

    # Each has a folder of its own, whose name differs.
    one, again, larger = name("v6e:2x2"), name("v6e:2x2"), name("v6e:2x4")
    assert one == again != larger
