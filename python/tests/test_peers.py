"""What adapters of other kernels may use, and how they are loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from moegen_worker.compiler import peers
from moegen_worker.wire.errors import OpError

KERNEL = """\
from server_like.logger import init_logger

logger = init_logger("kernel")


def outer(value):
    def inner(value):
        import jax

        return jax.named_scope, value + 1

    return inner(value)
"""


@pytest.fixture
def server_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose `__init__` wants what is not there."""
    folder = tmp_path / "server_like"
    (folder / "kernels").mkdir(parents=True)
    (folder / "__init__.py").write_text("import a_whole_server\n")
    (folder / "kernels" / "moe.py").write_text(KERNEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [n for n in sys.modules if n.startswith("server_like")]:
        del sys.modules[name]


def test_imports_a_kernel_without_its_package_and_names_its_functions(server_like: None) -> None:
    peers.bare_package("server_like", {"server_like.logger": {"init_logger": str}})
    module = peers.import_scoped("server_like.kernels.moe", {"inner": "rows in"})
    assert module.logger == "kernel"
    assert module.outer(1)[1] == 2
    names = module.outer.__code__.co_consts
    assert any("rows in" in str(const) for const in names)


def test_says_which_function_another_version_lacks(server_like: None) -> None:
    peers.bare_package("server_like", {"server_like.logger": {"init_logger": str}})
    with pytest.raises(AttributeError, match="no function gone"):
        peers.import_scoped("server_like.kernels.moe", {"gone": "x"})


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        peers.bare_package("no_such_package")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("raise RuntimeError('broken')", "does not load: RuntimeError: broken"),
        ("NAME = 'x'", "lacks PACKAGES"),
        ("NAME = 'x'\nPACKAGES = []", r"lacks build\(case\)"),
    ],
)
def test_an_adapter_that_is_none_is_refused(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "adapter.py"
    file.write_text(text)
    with pytest.raises(OpError, match=hint):
        peers.load_adapter(file)
