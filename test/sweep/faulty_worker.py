"""The real worker with other operations: it needs no compiler, simulates nothing, has a TPU if it is
to, and breaks when it is told to.

The folder in MOEGEN_TEST_FAULTS holds one file a fault, taken away by the worker that has it, so
that each fault happens once whichever process it hits.
"""

import errno
import os
import re
import sys
import time
from pathlib import Path

from moegen_worker.ops import registry
from moegen_worker.server import serve
from moegen_worker.wire.errors import OpError
from moegen_worker.wire.protocol import Channel

FAULTS = Path(os.environ["MOEGEN_TEST_FAULTS"])


def take(name):
    try:
        (FAULTS / name).unlink()
    except FileNotFoundError:
        return False
    return True


def wait_for_gate():
    """Stands at a closed gate, where a test can see who does."""
    if (FAULTS / "gate").exists():
        (FAULTS / f"at-gate-{os.getpid()}").touch()
    while (FAULTS / "gate").exists():
        time.sleep(0.05)


def compile_kernel(params, emit):
    del emit
    if take("abort"):
        os.abort()
    if take("kill"):
        os.kill(os.getpid(), 9)
    if take("term"):
        os.kill(os.getpid(), 15)
    if take("hang"):
        time.sleep(1e6)
    if take("disk"):
        raise OSError(errno.ENOSPC, "No space left on device")
    if take("garbage"):
        os.write(int(os.environ["MOEGEN_TEST_STDOUT"]), b"\x00not a line of the protocol\n{}\n")
    if take("refuse"):
        failure = {"kind": "compiler", "message": "Mosaic failed to compile"}
        fits, bundles = False, None
    else:
        failure, fits = None, True
        tile = len(params["files"][f"{params['name']}/tiles.py"])
        region = {"scope": "merge", "loop": None, "tracing": 0, "delay": 0, "slots": {}}
        profile = {"machine": None, "loops": [], "regions": [{**region, "bundles": tile}]}
        bundles = {"total": tile, "scopes": {}, "tracing": 0, "loops": [], "profile": profile}
    wait_for_gate()
    start = time.monotonic()
    time.sleep(float(os.environ.get("MOEGEN_TEST_SECONDS", "0.1")))
    if "MOEGEN_TEST_TIMES" in os.environ:
        with open(os.environ["MOEGEN_TEST_TIMES"], "a") as file:
            file.write(f"{__file__} {os.getpid()} {start} {time.monotonic()}\n")
    return {
        **{"topology": "v6e:2x2", "deviceKind": "TPU v6 lite", "fits": fits, "bundles": bundles},
        **{"vmem": None, "codeBytes": 1, "seconds": {"trace": 0.0, "compile": 0.0}},
        **({} if failure is None else {"failure": failure}),
    }


def validate(params, emit):
    cases = params["cases"]
    emit("start", cases=cases, bound=1e-2)
    results = []
    for name in cases if params["shard"][0] == 0 else []:
        if [name, 32] in params["done"]:
            continue
        emit("case-start", case=name, title=name, tokens=32)
        if name != cases[0] and take("lose-later"):
            os.kill(os.getpid(), 15)
        if take("lose-validate"):
            os.kill(os.getpid(), 15)
        if take("abort-validate"):
            os.abort()
        if take("hang-validate"):
            time.sleep(1e6)
        wrong = take("wrong")
        failure = {"failure": {"message": "relative error 1.0e+00 is over 1e-02"}} if wrong else {}
        result = {"case": name, "title": name, "tokens": 32, "seed": 0, "seconds": 0.1}
        results.append({**result, "ok": not wrong, "error": 1.0 if wrong else 2e-3, **failure})
        emit("case", **results[-1])
    return {"cases": results, "bound": 1e-2}


def compile_ahead(params, emit):
    """Of what is refused the slice compiles itself."""
    assert "LIBTPU_INIT_ARGS" not in os.environ
    if take("no-entry"):
        raise OpError("NO_ENTRY", "JAX kept none")
    name, number = params["topology"], params["number"]
    return {"entry": {"name": f"{name} {number}", "data": "", "sha256": ""}}


def time_kernels(params, emit):
    """A TPU on which more rows a tile are quicker, whatever was predicted."""
    calls = []
    for number, kernel in enumerate(params["kernels"]):
        known = (kernel.get("entry") or {}).get("name") == f"v6e:2x2 {number}"
        if take("lose-time"):
            os.kill(os.getpid(), 9)
        emit("step", what="compiling")
        (tiles,) = [text for path, text in kernel["files"].items() if path.endswith("/tiles.py")]
        rows = int(re.search(r"\bbt=(\d+)", tiles)[1])
        if take("wrong-time"):
            check = {"ok": False, "error": 1.0, "failure": {"message": "relative error 1.0"}}
            calls.append({"tokens": kernel["tokens"], "check": check, "seconds": None})
            continue
        seconds = [1e-6 * (1000 - rows + noise) for noise in (0, 1, 5)]
        check = {"ok": True, "error": 1e-3}
        call = {"tokens": kernel["tokens"], "check": check, "seconds": seconds, "known": known}
        calls.append(call)
    kind = os.environ["MOEGEN_TEST_TPU"]
    return {"deviceKind": kind, "clock": "device", "bound": 1e-2, "calls": calls}


def mutants(params, emit):
    """Two, of which the first may never end."""
    emit("start", total=2, kinds={"wait": 2})
    if take("hang-base"):
        time.sleep(1e6)
    if params["shard"][0] == 0 and not params["done"]:
        emit("base", caught=False, attempts=1)
    for name in ("wait-1", "wait-2")[params["shard"][0] :: params["shard"][1]]:
        if name in params["done"]:
            continue
        mutant = {"id": name, "kind": "wait", "change": "dropped", "what": "", "file": "kernel.py"}
        mutant |= {"line": 1, "stage": None, "streams": [], "semaphores": [], "named": False}
        emit("mutant-start", mutant=mutant)
        if take("lose-mutant"):
            os.kill(os.getpid(), 15)
        if take("hang-mutant"):
            time.sleep(1e6)
        found = {"caught": True, "by": "deadlock", "message": "", "attempts": 1, "seconds": 0.1}
        emit("mutant", mutant={**mutant, **found})
    return {}


registry.OPS["compile"] = compile_kernel
registry.OPS["mutants"] = mutants
registry.OPS["validate"] = validate
registry.OPS["ahead"] = compile_ahead
if "MOEGEN_TEST_TPU" in os.environ:
    registry.OPS["time"] = time_kernels
    real_hello = registry.OPS["hello"]
    registry.OPS["hello"] = lambda params, emit: {**real_hello(params, emit), "tpu": True}
os.environ["MOEGEN_TEST_STDOUT"] = str(os.dup(1))
print("garbage before the protocol begins", flush=True)
channel = Channel.take_stdio()
sys.stderr.write("garbage on stderr\n")
serve(channel)
