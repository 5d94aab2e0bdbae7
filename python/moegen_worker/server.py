"""Reads requests, runs one operation at a time, answers."""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import Any

from .ops.registry import OPS
from .wire.errors import OpError
from .wire.progress import Pulse
from .wire.protocol import Channel, Message


class Emitter:
    """Sends events that belong to one request."""

    def __init__(self, channel: Channel, request_id: Any) -> None:
        self._channel = channel
        self._id = request_id

    def __call__(self, event: str, **fields: Any) -> None:
        """Sends one event of the request, with its fields."""
        self._channel.send({"id": self._id, "event": event, **fields})


def _answer(channel: Channel, request: Message) -> None:
    request_id = request.get("id")
    try:
        name = request.get("op")
        op = OPS.get(name) if isinstance(name, str) else None
        if op is None:
            known = ", ".join(sorted(OPS))
            raise OpError("UNKNOWN_OP", f"unknown operation {name!r}; known: {known}")
        emit = Emitter(channel, request_id)
        with Pulse(emit):
            result = op(request.get("params") or {}, emit)
    except OpError as error:
        body = {"code": error.code, "message": error.message, "detail": error.detail}
        channel.send({"id": request_id, "ok": False, "error": body})
    except Exception as error:  # noqa: BLE001 - whatever an operation raises is its answer
        body = {
            "code": "INTERNAL",
            "message": f"{type(error).__name__}: {error}",
            "detail": {"traceback": traceback.format_exc()},
        }
        channel.send({"id": request_id, "ok": False, "error": body})
    else:
        channel.send({"id": request_id, "ok": True, "result": result})


def _read(channel: Channel, work: queue.Queue[Message]) -> None:
    """Reads in a thread of its own so that `ping` answers, and a closed stdin ends the process,
    even while an operation runs or hangs."""
    for request in channel.requests():
        if request is None:
            body = {"code": "BAD_REQUEST", "message": "not a JSON object", "detail": {}}
            channel.send({"id": None, "ok": False, "error": body})
        elif request.get("op") == "ping":
            channel.send({"id": request.get("id"), "ok": True, "result": {}})
        elif request.get("op") == "shutdown":
            channel.send({"id": request.get("id"), "ok": True, "result": {}})
            break
        else:
            work.put(request)
    sys.stderr.flush()
    # Simulated devices are threads that may hang for ever: do not wait for them.
    os._exit(0)


def serve(channel: Channel) -> None:
    """Runs operations, one after the other, in the main thread, until stdin closes."""
    work: queue.Queue[Message] = queue.Queue()
    threading.Thread(target=_read, args=(channel, work), daemon=True, name="requests").start()
    while True:
        _answer(channel, work.get())
