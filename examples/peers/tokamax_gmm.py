"""tokamax's grouped matmul (gmm_v2), twice: gate and up with the activation fused, then down.

It has no routing and no communication. Its file is loaded alone: the package's `__init__` wants
more than the kernel needs. It has bodies for several row counts; the one for this many
rows is read.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import tpu as pltpu
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from moegen_worker.compiler import peers

NAME = "tokamax gmm_v2"
PACKAGES = ["tokamax==0.0.13"]

_BODIES = (128, 256, 384, 512)


def _module():
    peers.bare_package("tokamax")
    if not hasattr(pltpu, "TensorCoreMesh"):
        # Written for JAX 0.11; 0.10 has the same mesh under another name.
        pltpu.TensorCoreMesh = lambda axis_name: pltpu.create_tensorcore_mesh(
            axis_name, num_cores=1
        )
    from tokamax._src.ops.experimental.gmm_v2 import gmm_v2

    return gmm_v2


def build(case):
    gmm = _module().gmm_v2
    dtype = jnp.dtype(case.dtype)
    mesh = Mesh(np.array(case.devices[: case.ep]), ("model",))
    spread = P("model")

    def function(rows, w1, w2, sizes):
        return gmm(gmm(rows, w1, sizes, fuse_act=case.activation), w2, sizes)

    shapes = [
        ((case.tokens * case.top_k, case.hidden), dtype),
        ((case.experts, case.hidden, 2 * case.intermediate), dtype),
        ((case.experts, case.intermediate, case.hidden), dtype),
        ((case.experts,), jnp.int32),
    ]
    body = next((rows for rows in _BODIES if case.rows <= rows), _BODIES[-1])
    tiles = math.ceil(case.rows / body)
    return {
        "function": jax.shard_map(
            function, mesh=mesh, in_specs=spread, out_specs=spread, check_vma=False
        ),
        "arguments": [
            jax.ShapeDtypeStruct(shape, kind, sharding=NamedSharding(mesh, spread))
            for shape, kind in shapes
        ],
        # The two calls are kernels 0 and 1 of the program.
        "stages": {
            "gate_up": {"trips": tiles, "scopes": [f"0:bm{body}_first_last"]},
            "down": {"trips": tiles, "scopes": [f"1:bm{body}_first_last"]},
        },
        "tiles": f"the body for {body} rows of its tile of 512",
        "note": "the activation is part of gate_up; rows come sorted and go back by other programs",
    }
