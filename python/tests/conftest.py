"""Settings that the runner gives the worker; they must stand before any test imports JAX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from moegen_worker.ops.validate import QUICK_COMPILE, ROUND  # noqa: E402

os.environ.update(
    JAX_PLATFORMS="cpu",
    NPROC="64",
    XLA_FLAGS=f"--xla_force_host_platform_device_count=8 {QUICK_COMPILE} {ROUND}",
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


def whole(kernel: dict[str, Any]) -> dict[str, Any]:
    """A kernel with what all its Pallas calls have, as the worker is given it."""
    calls = [call for call in kernel["calls"] if call["kind"] == "pallas"]
    fields = ("buffers", "streams", "semaphores", "stages")
    return {**kernel, **{field: [one for call in calls for one in call[field]] for field in fields}}


@pytest.fixture(scope="session")
def explained() -> Callable[[str], dict[str, Any]]:
    """A spec's plan, by the example's name or the spec's path, as `explain` gives it."""

    def explain(example: str) -> dict[str, Any]:
        named = example.endswith(".moe.ts")
        spec = Path(example) if named else ROOT / "examples" / f"{example}.moe.ts"
        command = ["node", str(ROOT / "dist" / "cli" / "main.js"), "explain", str(spec), "--json"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        plan = json.loads(ran.stdout)["plan"]
        return {**plan, "kernels": [whole(kernel) for kernel in plan["kernels"]]}

    return explain
