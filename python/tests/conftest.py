"""Settings that the runner gives the worker; they must stand before any test imports JAX."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
os.environ.update(
    JAX_PLATFORMS="cpu",
    NPROC="64",
    XLA_FLAGS="--xla_force_host_platform_device_count=8",
    TPU_SKIP_MDS_QUERY="1",
    ALLOW_MULTIPLE_LIBTPU_LOAD="true",
)


@pytest.fixture
def tiny() -> Path:
    """Folder of the hand-made package."""
    return HERE / "fixtures" / "tiny_moe"


@pytest.fixture
def broken(tmp_path: Path, tiny: Path):
    """Makes a copy of the hand-made package with one piece of text replaced."""

    def make(name: str, old: str, new: str, file: str = "kernel.py") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for source in tiny.glob("*.py"):
            text = source.read_text()
            if source.name == file:
                assert text.count(old) == 1, (file, old)
                text = text.replace(old, new)
            (folder / source.name).write_text(text)
        return folder

    return make
