"""tpu-inference's single-kernel MoE: gather, two grouped matmuls, reduce-scatter by rows.

Routing and the sort of the rows are XLA programs outside the kernel; only the kernel is profiled.
Its tile of rows is its own choice (128), whatever the rows of an expert.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from moegen_worker.compiler import peers

NAME = "tpu-inference reduce-scatter"
PACKAGES = ["tpu-inference==0.32.0"]

_TILE_ROWS = 128
_LEAST_TOKENS = 2048
_ROWS_IN = ["prepare_gather_tile_metadata", "dma_gather_gm_start", "dma_gather_gm_wait"]
_RESULTS_OUT = ["prepare_scatter_tile_metadata", "reshape_gmm2_output", "direct_write_rows"]


class _AxisNames:
    """The two axes that the kernel asks the server's configuration for."""

    EXPERT = "model"
    MLP_DATA = "data"


def _mesh_size(mesh, axes):
    names = [axes] if isinstance(axes, str) else list(axes or ())
    return math.prod(mesh.shape.get(name, 1) for name in names)


def _module():
    peers.bare_package(
        "tpu_inference",
        {
            "tpu_inference.layers.common.sharding": {"ShardingAxisName": _AxisNames},
            "tpu_inference.utils": {"get_mesh_shape_product": _mesh_size},
        },
    )
    from tpu_inference.kernels.experimental.fused_moe import fused_moe_rs

    return fused_moe_rs


def build(case):
    module = _module()
    # Fewer tokens than these XLA keeps in VMEM, where the kernel's row copies become load loops; a
    # tile costs the same at any T.
    tokens = max(case.tokens, _LEAST_TOKENS)
    mesh = Mesh(np.array(case.devices[: case.ep]).reshape(1, case.ep), ("data", "model"))
    dtype = jnp.dtype(case.dtype)
    local = functools.partial(
        module.moe_gmm_local_rs_nodedup,
        activation=case.activation,
        topk=case.top_k,
        ep_size=case.ep,
        ep_axis_name="model",
    )

    def function(rows, w1, w2, offset, weights, ids):
        return local(rows, w1, None, None, w2, None, None, None, None, offset, weights, ids)

    spread, whole = P("model"), P()
    specs = (whole, spread, spread, spread, spread, whole)
    shapes = [
        ((tokens, case.hidden), dtype),
        ((case.experts, case.hidden, 2 * case.intermediate), dtype),
        ((case.experts, case.intermediate, case.hidden), dtype),
        ((case.ep,), jnp.int32),
        ((tokens, case.top_k), dtype),
        ((tokens, case.top_k), jnp.int32),
    ]
    tiles = math.ceil(case.rows / _TILE_ROWS)
    once = {"trips": tiles, "loops": [tiles]}
    return {
        "function": jax.shard_map(
            function, mesh=mesh, in_specs=specs, out_specs=spread, check_vma=False
        ),
        "arguments": [
            jax.ShapeDtypeStruct(shape, kind, sharding=NamedSharding(mesh, spec))
            for (shape, kind), spec in zip(shapes, specs, strict=True)
        ],
        "stages": {
            "rows in": {**once, "scopes": _ROWS_IN},
            "gate_up": {**once, "scopes": ["compute_gmm1_tile"]},
            "down": {**once, "scopes": ["compute_gmm2_tile"]},
            "results out": {**once, "scopes": _RESULTS_OUT},
        },
        "tiles": f"{_TILE_ROWS} rows",
        "note": "a tile costs the same however few rows it has; the activation is part of gate_up",
    }
