"""Failures that belong in an answer, as opposed to faults of the worker itself."""

from __future__ import annotations

from typing import Any


class OpError(Exception):
    """A failed request: a stable code, a sentence for a person, and data for a program."""

    def __init__(self, code: str, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
