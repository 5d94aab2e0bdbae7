"""Opens stations on a cluster and carries lines between them and the runner.

Lines from the runner: first `{connect: {address, cpus, files}}` (address null: a cluster that runs,
else a local one of `cpus`); then `{open: n, env, resources}`, `{to: n, line}`, `{close: n}`. Lines
to it: `{ready: {nodes, version}}` or `{failed: {code, message}}`, then `{nodes}` whenever they
change, `{placed: n, node, host}`, `{from: n, lines}`, `{err: n, lines}` and
`{gone: n, how, lost, disk}`; `lost` is what another station may do better.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

from ..wire.protocol import Channel, Message

# Seconds between two looks at the nodes, and between two words for a station that waits for one.
LOOK = 1.0
# Bytes of the object store of a cluster that is made for one runner: what goes through it is text.
LOCAL_STORE = 100 << 20
# Seconds for all to end when the runner is gone.
GONE = 8.0
# Seconds for a station to end by itself.
LEAVE = 2.0
# Seconds for somebody at an address to answer, and how often is asked.
PROBE_S, PROBES = 10.0, 3


class Held:
    """A station, wherever it is."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.placed = False
        self.node: str | None = None
        # The request that waits for it to be placed.
        self.asked: Any = None


class Driver:
    """All stations of one runner."""

    def __init__(self, channel: Channel, ray: Any, files: dict[str, str]) -> None:
        from ray import cloudpickle

        from . import station

        # Nodes have no moegen: the class goes there as a whole.
        cloudpickle.register_pickle_by_value(station)
        self._channel = channel
        self._ray = ray
        self._files = ray.put(files)
        # Listening and speaking go on while it starts or works.
        self._station = ray.remote(max_restarts=0, max_concurrency=4)(station.Station)
        self._held: dict[int, Held] = {}
        self._refs: dict[Any, tuple[int, str]] = {}
        self._full: set[str] = set()
        self._lock = threading.Lock()

    def nodes(self) -> list[dict[str, Any]]:
        """Nodes that are there, with what they have."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        return [
            {
                "id": node["NodeID"],
                "host": node["NodeManagerHostname"],
                "cpus": int(node["Resources"].get("CPU", 0)),
                "resources": node["Resources"],
            }
            for node in alive
            if node["NodeID"] not in self._full
        ]

    def open(
        self, number: int, env: dict[str, str], resources: dict[str, float], node: str | None
    ) -> None:
        """Asks for a station; it comes when there is room on the node, or on any whose disk is not
        full."""
        rest = {name: amount for name, amount in resources.items() if name != "CPU"}
        options: dict[str, Any] = {"num_cpus": resources.get("CPU", 0), "resources": rest}
        if node is not None:
            options["label_selector"] = {"ray.io/node-id": node}
        elif self._full:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(self._full))})"}
        held = Held(self._station.options(**options).remote(self._files, env))
        with self._lock:
            self._held[number] = held
            self._refs[held.actor.place.remote()] = number, "place"

    def take(self, message: Message) -> None:
        """One line of the runner."""
        if "open" in message:
            number = int(message["open"])
            self.open(number, message["env"], message["resources"], message.get("node"))
            return
        number = int(message.get("to", message.get("close", -1)))
        with self._lock:
            held = self._held.get(number)
            if "close" in message:
                self._held.pop(number, None)
        if held is None:
            return
        if "close" in message:
            self._leave([held])
        else:
            held.asked = json.loads(message["line"]).get("id")
            held.actor.say.remote(message["line"])

    def close(self) -> None:
        """Ends all stations."""
        with self._lock:
            stations = list(self._held.values())
            self._held.clear()
        self._leave(stations)

    def _leave(self, stations: list[Held]) -> None:
        ends = [held.actor.stop.remote() for held in stations if held.placed]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=LEAVE)
        for held in stations:
            self._ray.kill(held.actor)

    def _gone(self, number: int, how: str, lost: bool, disk: bool) -> None:
        with self._lock:
            held = self._held.pop(number, None)
        if held is None:
            return
        others = [node for node in self.nodes() if node["cpus"] > 0 and node["id"] != held.node]
        # The last one is not given up: its disk may have room again.
        if disk and held.node is not None and others:
            self._full.add(held.node)
        threading.Thread(target=self._leave, args=([held],), daemon=True).start()
        self._channel.send({"gone": number, "how": how, "lost": lost, "disk": disk})

    def hear(self) -> None:
        """Waits a moment for what stations say, and passes it on."""
        with self._lock:
            refs = list(self._refs)
        if not refs:
            time.sleep(0.02)
            return
        # At once for the first that speaks; a station that is asked for meanwhile is heard next time.
        self._ray.wait(refs, num_returns=1, timeout=0.1)
        ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in ready:
            with self._lock:
                number, what = self._refs.pop(ref)
                held = self._held.get(number)
            if held is not None:
                self._heard(number, held, what, ref)

    def _heard(self, number: int, held: Held, what: str, ref: Any) -> None:
        try:
            said = self._ray.get(ref)
        except Exception as error:  # noqa: BLE001 - of a station that is gone Ray raises many kinds
            self._gone(number, str(error).strip().splitlines()[0][:500], lost=True, disk=False)
            return
        if what == "place":
            held.placed = True
            held.node = said["node"]
            self._channel.send({"placed": number, **said})
        for name, key in (("out", "from"), ("err", "err")):
            lines = [line for kind, line in said.get("lines", ()) if kind == name]
            if lines:
                self._channel.send({key: number, "lines": lines})
        if "gone" in said:
            self._gone(number, **said["gone"])
            return
        with self._lock:
            self._refs[held.actor.hear.remote()] = number, "hear"

    def reassure(self) -> None:
        """A request that waits for a node is no hanging worker."""
        with self._lock:
            waiting = [(n, held) for n, held in self._held.items() if not held.placed]
        for number, held in waiting:
            if held.asked is not None:
                line = json.dumps({"id": held.asked, "event": "queued"})
                self._channel.send({"from": number, "lines": [line]})

    def watch(self) -> None:
        """Tells nodes that come and go, for ever."""
        before: list[dict[str, Any]] = []
        while True:
            now = self.nodes()
            if now != before:
                self._channel.send({"nodes": now})
                before = now
            self.reassure()
            time.sleep(LOOK)


def _end_log_monitor() -> None:
    """Of the cluster that this process has just made: it takes a fifth of a core, and nobody reads
    what it collects. Ray has no setting for that where a program makes the cluster."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The command may hold spaces and brackets, and is in brackets itself.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except (OSError, ValueError):
            continue  # It has ended.
        if parent == os.getpid() and "/log_monitor.py\0" in command:
            os.kill(int(folder.name), signal.SIGTERM)


def _refused(channel: Channel, code: str, error: Exception) -> None:
    message = (str(error).strip() or repr(error)).splitlines()[0][:500]
    channel.send({"failed": {"code": code, "message": message}})


def _reach(address: str) -> None:
    """Asks whether anybody listens: Ray itself waits for minutes where nobody does.

    Raises:
        OSError: nobody listens there.
        TimeoutError: nobody answered in PROBE_S seconds, PROBES times.
    """
    found = re.fullmatch(r"(?:\w+://)?(\[[0-9a-fA-F:.]+\]|[^:/\s]+):(\d+)", address)
    if found is None:
        return
    host, port = found[1].strip("[]"), int(found[2])
    for left in reversed(range(PROBES)):
        try:
            socket.create_connection((host, port), PROBE_S).close()
            return
        except TimeoutError:
            if left == 0:
                raise


def _connect(channel: Channel, asked: Message) -> Any:
    """Ray, connected as the runner asks; None where that fails, which it is told."""
    try:
        import ray
    except ImportError as error:
        return _refused(channel, "no-ray", error)
    address, cpus = asked.get("address"), int(asked["cpus"])
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": False}
    own = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": LOCAL_STORE}
    wanted = address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        try:
            if wanted != "local":
                _reach(wanted)
                ray.init(address=wanted, namespace="moegen", **quiet)
                return ray
        except OSError as error:
            if wanted != "auto":
                return _refused(channel, "no-cluster", error)
        ray.init(address="local", **own, **quiet)
        _end_log_monitor()
    except Exception as error:  # noqa: BLE001 - Ray raises many kinds where it does not connect
        return _refused(channel, "no-cluster", error)
    return ray


def drive(channel: Channel) -> int:
    """Serves one runner until it closes the pipe; then all its stations end."""
    requests = channel.requests()
    first = next(requests, None)
    if first is None or "connect" not in first:
        return 1
    inbox: queue.Queue[Message | None] = queue.Queue()

    def listen() -> None:
        for request in requests:
            if request is not None:
                inbox.put(request)
        # Ray may wait for ever for a cluster that is gone; the runner does not.
        threading.Timer(GONE, os._exit, (0,)).start()
        inbox.put(None)

    threading.Thread(target=listen, daemon=True).start()
    ray = _connect(channel, first["connect"])
    if ray is None:
        return 1
    driver = Driver(channel, ray, first["connect"]["files"])
    channel.send({"ready": {"nodes": driver.nodes(), "version": ray.__version__}})

    def serve() -> None:
        for request in iter(inbox.get, None):
            driver.take(request)
        driver.close()
        ray.shutdown()
        os._exit(0)

    for work in (serve, driver.watch):
        threading.Thread(target=work, daemon=True).start()
    while True:
        driver.hear()
