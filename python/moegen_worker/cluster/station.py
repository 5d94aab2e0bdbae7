"""A worker on a node: the usual process with its pipes, held by a Ray actor.

A process of its own, so that a compiler that crashes is told from a node that is lost, and so that
what it compiles with stands before JAX loads. It ends with the actor, whatever ends that.
"""

from __future__ import annotations

import ctypes
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

# Lines that nobody waits for are sent together, once in so many seconds.
IDLE = 5.0
# Bytes on the disk below which a compiler's dump may be cut off without a word.
LEAST_DISK = 64 << 20
# What a process brings on itself (`signals.ts` of the runner has the same); another signal is
# somebody's, or of a machine without memory.
_OWN_FAULTS = {
    *(signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
    *(signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP),
}
_PULSE = '"event":"pulse"'
_FULL = "No space left on device"
_PREFIX = "moegen-station-"


def _die_with_parent() -> None:
    """Between fork and exec: a process that hangs in C would not see its stdin close."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _sweep_up(below: Path) -> None:
    """Folders of stations that were killed on this machine."""
    for folder in below.glob(f"{_PREFIX}*"):
        pid = folder.name[len(_PREFIX) :].split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


class Station:
    """One worker process. `say` and `hear` run in threads of their own."""

    def __init__(self, files: dict[str, str], env: dict[str, str]) -> None:
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue()
        self._why: dict[str, Any] | None = None
        below = Path(tempfile.gettempdir())
        _sweep_up(below)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=below))
        self._process: subprocess.Popen[str] | None = None
        try:
            self._start(files, env)
        except OSError as error:
            self._lost(f"{type(error).__name__}: {error}", disk=_FULL in str(error))

    def _start(self, files: dict[str, str], env: dict[str, str]) -> None:
        self._room()
        for path, text in files.items():
            file = self._folder / "python" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        (self._folder / "dump").mkdir()
        own = {name: value.replace("{folder}", str(self._folder)) for name, value in env.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moegen_worker"],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            preexec_fn=_die_with_parent,
        )
        for name, pipe in (("out", self._process.stdout), ("err", self._process.stderr)):
            threading.Thread(target=self._read, args=(name, pipe), daemon=True).start()

    def _room(self) -> None:
        if shutil.disk_usage(self._folder).free < LEAST_DISK:
            raise OSError(28, _FULL)

    def _read(self, name: str, pipe: Any) -> None:
        for line in pipe:
            if name == "out" and '"ok":false' in line and _FULL in line:
                self._lost(_FULL, disk=True)
                return
            self._lines.put((name, line.rstrip("\n")))
        if name == "out" and self._process is not None:
            code = self._process.wait()
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            self._end({"how": how, "lost": code < 0 and -code not in _OWN_FAULTS, "disk": False})

    def _lost(self, how: str, disk: bool) -> None:
        self._end({"how": how, "lost": True, "disk": disk})

    def _end(self, why: dict[str, Any]) -> None:
        self._why = self._why or why
        self._lines.put(("gone", ""))

    def place(self) -> dict[str, Any]:
        """Where it is, as soon as it is there."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        return {"node": node, "host": socket.gethostname()}

    def say(self, line: str) -> None:
        """One line to the worker; what cannot be said any more is told by `hear`."""
        try:
            self._room()
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        except BrokenPipeError:
            return
        except (OSError, ValueError) as error:
            self._lost(str(error), disk=_FULL in str(error))

    def hear(self) -> dict[str, Any]:
        """What it said since: at once where it says more than that it works."""
        lines: list[tuple[str, str]] = []
        wait = IDLE
        while True:
            try:
                name, line = self._lines.get(timeout=wait)
            except queue.Empty:
                return {"lines": lines}
            if name == "gone":
                return {"lines": lines, "gone": self._why}
            lines.append((name, line))
            wait = IDLE if name == "out" and _PULSE in line and len(lines) < IDLE else 0.0

    def stop(self) -> None:
        """Ends the process, and takes its folder away."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
