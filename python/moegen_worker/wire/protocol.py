"""Line JSON on stdin and stdout.

Requests are `{id, op, params}`. Answers are any number of `{id, event, ...}` followed by one
`{id, ok, result}` or `{id, ok: false, error: {code, message, detail}}`. Among the events are pulses,
`{id, event: "pulse", seconds, cpu, steps}`, as long as an operation runs (see progress.py).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

# The number that `hello` states.
PROTOCOL = 1

Message = dict[str, Any]


def _plain(value: Any) -> Any:
    """numpy scalars and other numbers that `json` does not know."""
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they travel as null."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class Channel:
    """The two pipes of the protocol; writing is safe from any thread."""

    def __init__(self, source: IO[str], sink: IO[str]) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()

    @classmethod
    def take_stdio(cls) -> Channel:
        """Keeps the real stdout for the protocol and points fd 1 at stderr.

        A stray `print`, the race detector and libtpu's C++ code all write to fd 1 or `sys.stdout`;
        none of them can then corrupt a line of the protocol.
        """
        sink = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(sys.stdin, sink)

    def requests(self) -> Iterator[Message | None]:
        """Each request; None for a line that is none."""
        for line in self._source:
            if not line.strip():
                continue
            try:
                message = json.loads(line)
            except ValueError:
                yield None
                continue
            yield message if isinstance(message, dict) else None

    def send(self, message: Message) -> None:
        """Writes one line; from any thread. NaN and infinities become null."""
        text = json.dumps(_finite(message), default=_plain, separators=(",", ":"))
        with self._lock:
            self._sink.write(text + "\n")
            self._sink.flush()
