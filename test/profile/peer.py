"""An adapter of a kernel made for the test: one dot in a loop that only it knows the trips of."""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from jax.sharding import SingleDeviceSharding

NAME = "a dot"
PACKAGES = ["jax"]


def _kernel(count, left, right, out):
    with jax.named_scope("multiply_all"):

        @pl.loop(0, count[0])
        def _(index):
            out[...] = jnp.dot(left[...], right[...], preferred_element_type=jnp.float32)


def build(case):
    place = SingleDeviceSharding(case.devices[0])
    smem = pl.BlockSpec(memory_space=pltpu.SMEM)
    shape = jax.ShapeDtypeStruct((case.rows, case.intermediate), jnp.float32)
    shapes = [
        ((1,), jnp.int32),
        ((case.rows, case.hidden), jnp.bfloat16),
        ((case.hidden, case.intermediate), jnp.bfloat16),
    ]
    specs = [smem, pl.BlockSpec(), pl.BlockSpec()]
    function = pl.pallas_call(_kernel, out_shape=shape, in_specs=specs)
    return {
        "function": function,
        "arguments": [jax.ShapeDtypeStruct(s, d, sharding=place) for s, d in shapes],
        "stages": {"gate_up": {"loops": [3], "scopes": ["multiply_all"]}},
    }
