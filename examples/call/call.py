"""Calls a generated kernel, with its reference beside it.

    moegen build examples/call/small.moe.ts --out examples/call/generated
    PYTHONPATH=examples/call/generated python examples/call/call.py

Without TPUs (JAX_PLATFORMS=cpu) four simulated devices interpret the kernel.
"""

import os

# Before JAX starts: four CPU devices, and more threads than devices, else they wait for each other.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["NPROC"] = "64"

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from small_moe import fused_ep_moe, reference_moe

TOKENS, EXPERTS, HIDDEN, INTERMEDIATE = 32, 8, 256, 128

mesh = jax.make_mesh((1, 4), ("data", "tensor"))
sharding = NamedSharding(mesh, P(("data", "tensor")))  # tokens on T, weights on experts


def normal(seed, shape, scale, dtype=jnp.bfloat16):
    """Random numbers, laid out over the mesh."""
    array = scale * jax.random.normal(jax.random.key(seed), shape)
    return jax.device_put(array.astype(dtype), sharding)


arrays = (
    normal(0, (TOKENS, HIDDEN), 1.0),
    normal(1, (EXPERTS, 2, HIDDEN, INTERMEDIATE), HIDDEN**-0.5),  # w1: gate and up
    normal(2, (EXPERTS, INTERMEDIATE, HIDDEN), INTERMEDIATE**-0.5),  # w2: down
    normal(3, (TOKENS, EXPERTS), 1.0, jnp.float32),  # router logits
)


@jax.jit
def layer(*arrays):
    """The kernel; on CPU devices in Pallas' interpreter."""
    return fused_ep_moe(mesh, *arrays, interpret=jax.default_backend() == "cpu")


result = layer(*arrays).astype(jnp.float32)
expected = jax.jit(reference_moe)(*arrays)
expected = jax.device_put(expected, result.sharding)
error = jnp.max(jnp.abs(result - expected)) / jnp.max(jnp.abs(expected))
print(f"{result.shape} on {mesh.size} devices, largest error {error:.1e} of the largest value")
assert error < 1e-2
