"""The worker as a process: lines in, lines out, whatever else is printed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from moegen_worker.wire.protocol import Channel

FOLDER = Path(__file__).parents[1]
# Seconds: only so that nothing waits for ever, whatever the machine.
FAR = 3600


def converse(*lines: str) -> list[dict[str, Any]]:
    run = subprocess.run(
        [sys.executable, "-m", "moegen_worker"],
        input="".join(line + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=FAR,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        check=True,
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def request(number: int, op: str, **params: Any) -> str:
    return json.dumps({"id": number, "op": op, "params": params})


def test_shutdown_and_ping_answer_at_once() -> None:
    assert converse(request(1, "ping"), request(2, "shutdown")) == [
        {"id": 1, "ok": True, "result": {}},
        {"id": 2, "ok": True, "result": {}},
    ]


def test_a_line_that_is_no_request_is_answered() -> None:
    answers = converse("not json", "[1]", request(3, "shutdown"))
    assert [a["ok"] for a in answers] == [False, False, True]
    assert answers[0]["error"]["code"] == "BAD_REQUEST"


def test_hello_loads_no_jax_and_unknown_ops_are_refused() -> None:
    code = (
        "import sys; from moegen_worker.ops import hello; import moegen_worker.ops.registry;"
        "info = hello.run({}, None); assert 'jax' not in sys.modules; print(info['python'])"
    )
    env = {**os.environ, "PYTHONPATH": str(FOLDER)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=FAR)
    process = subprocess.Popen(
        [sys.executable, "-m", "moegen_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(request(1, "nonsense") + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert answer["error"]["code"] == "UNKNOWN_OP"
    process.stdin.close()
    assert process.wait(timeout=FAR) == 0


def test_prints_do_not_reach_the_protocol() -> None:
    code = (
        "import os\n"
        "from moegen_worker.wire.protocol import Channel\n"
        "channel = Channel.take_stdio()\n"
        "print('stray'); os.write(1, b'noise\\n'); os.system('echo child')\n"
        "channel.send({'id': 1, 'ok': True, 'result': float('nan')})\n"
    )
    env = {**os.environ, "PYTHONPATH": str(FOLDER)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert json.loads(run.stdout) == {"id": 1, "ok": True, "result": None}
    assert "noise" in run.stderr and "child" in run.stderr


def test_numbers_of_numpy_travel() -> None:
    import numpy as np

    sink = io.StringIO()
    Channel(io.StringIO(), sink).send({"a": np.float32(0.5), "b": np.int64(3), "c": float("inf")})
    assert json.loads(sink.getvalue()) == {"a": 0.5, "b": 3, "c": None}
