"""tpu-inference's fused expert-parallel MoE kernel, version 1.

It names no scopes: they are put around its nested functions at import. Its tiles are set so that
the feed-forward multiplies all rows of an expert at once with the whole weights in VMEM, which is
the best that its body can do; its own table has no entry for most shapes.
"""

import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from moegen_worker.compiler import peers

NAME = "tpu-inference v1"
PACKAGES = ["tpu-inference==0.32.0"]

_SCOPES = {
    "start_a2a_scatter": "rows in",
    "wait_a2a_scatter_recv": "rows in",
    "dynamic_ffn1": "gate_up",
    "dynamic_ffn2": "down",
    "start_a2a_gather": "results out",
    "wait_a2a_scatter_send": "results out",
}


def _kernel():
    peers.bare_package(
        "tpu_inference", {"tpu_inference.logger": {"init_logger": logging.getLogger}}
    )
    return peers.import_scoped("tpu_inference.kernels.fused_moe.v1.kernel", _SCOPES)


def build(case):
    kernel = _kernel()
    mesh = Mesh(np.array(case.devices[: case.ep]).reshape(1, case.ep), ("data", "model"))
    dtype = jnp.dtype(case.dtype)
    rows = case.rows
    # A device's tile of tokens is a multiple of the rows multiplied at once; the kernel unrolls
    # its scatter over the tile, so a larger one takes minutes to compile.
    tokens = rows * case.ep
    spread = NamedSharding(mesh, P("model"))
    function = functools.partial(
        kernel.fused_ep_moe,
        mesh,
        top_k=case.top_k,
        renormalize_topk_logits=True,
        act_fn=case.activation,
        ep_axis_name="model",
        bt=rows,
        btc=rows,
        bf=case.intermediate,
        bfc=case.intermediate,
        bd1=case.hidden,
        bd1c=case.hidden,
        bd2=case.hidden,
        bd2c=case.hidden,
    )
    shapes = [
        ((tokens, case.hidden), dtype),
        ((case.experts, 2, case.hidden, case.intermediate), dtype),
        ((case.experts, case.intermediate, case.hidden), dtype),
        ((tokens, case.experts), dtype),
    ]
    tiles = case.tokens // case.ep / rows
    return {
        "function": function,
        "arguments": [jax.ShapeDtypeStruct(s, d, sharding=spread) for s, d in shapes],
        "stages": {
            # Every entry of every local token is looked at again for each expert.
            "rows in": {"trips": tiles},
            "gate_up": {"trips": 1, "loops": [1]},
            "down": {"trips": 1, "loops": [1]},
            "results out": {"trips": tiles},
        },
        "tiles": f"bt {rows} btc {rows} bf {case.intermediate} bd {case.hidden}",
        "note": "the activation is part of down",
    }
