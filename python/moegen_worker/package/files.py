"""A package's files as they come in a request."""

from __future__ import annotations

from pathlib import Path

from ..wire.errors import OpError


def write(files: dict[str, str], below: Path) -> None:
    """Writes a package's files, path to text, below a folder.

    Raises:
        OpError: "BAD_PACKAGE", a path leads out of it.
    """
    for path, text in files.items():
        file = (below / path).resolve()
        if not file.is_relative_to(below.resolve()):
            raise OpError("BAD_PACKAGE", f"{path} leaves the package's folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
