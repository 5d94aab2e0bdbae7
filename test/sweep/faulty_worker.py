"""The real worker with another `compile`: it needs no compiler, and breaks when it is told to.

The folder in MOEGEN_TEST_FAULTS holds one file a fault, taken away by the worker that has it, so
that each fault happens once whichever process it hits.
"""

import errno
import os
import sys
import time
from pathlib import Path

from moegen_worker import registry
from moegen_worker.protocol import Channel
from moegen_worker.server import serve

FAULTS = Path(os.environ["MOEGEN_TEST_FAULTS"])


def take(name):
    try:
        (FAULTS / name).unlink()
    except FileNotFoundError:
        return False
    return True


def compile_kernel(params, emit):
    del emit
    if take("abort"):
        os.abort()
    if take("kill"):
        os.kill(os.getpid(), 9)
    if take("hang"):
        time.sleep(1000)
    if take("disk"):
        raise OSError(errno.ENOSPC, "No space left on device")
    if take("garbage"):
        os.write(int(os.environ["MOEGEN_TEST_STDOUT"]), b"\x00not a line of the protocol\n{}\n")
    if take("refuse"):
        failure = {"kind": "compiler", "message": "Mosaic failed to compile"}
        fits, bundles = False, None
    else:
        failure, fits = None, True
        tile = len((Path(params["package"]) / "tiles.py").read_text())
        region = {"scope": "merge", "loop": None, "tracing": 0, "delay": 0, "slots": {}}
        profile = {"machine": None, "loops": [], "regions": [{**region, "bundles": tile}]}
        bundles = {"total": tile, "scopes": {}, "tracing": 0, "loops": [], "profile": profile}
    time.sleep(0.1)
    return {
        **{"topology": "v6e:2x2", "deviceKind": "TPU v6 lite", "fits": fits, "bundles": bundles},
        **{"vmem": None, "codeBytes": 1, "seconds": {"trace": 0.0, "compile": 0.0}},
        **({} if failure is None else {"failure": failure}),
    }


registry.OPS["compile"] = compile_kernel
os.environ["MOEGEN_TEST_STDOUT"] = str(os.dup(1))
print("garbage before the protocol begins", flush=True)
channel = Channel.take_stdio()
sys.stderr.write("garbage on stderr\n")
serve(channel)
