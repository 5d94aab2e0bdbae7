"""What XLA puts around a kernel, in the compiled module of two layers in a row."""

from __future__ import annotations

import os
import re
from math import prod
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from moegen_worker.compiler import aot
from moegen_worker.package import loading

GENERATED = Path(__file__).parents[2] / "generated"
EXPERTS, HIDDEN, INTERMEDIATE, EP = 128, 2048, 768, 4
# `%name = bf16[512,2048]{...} opcode(...)`, the root marked.
INSTRUCTION = re.compile(r"^\s*(ROOT )?%?[\w.\-]+ = \w+\[([\d,]*)\]\S* ([\w\-]+)\(", re.M)


def around(tokens: int) -> list[str]:
    """Opcodes of a device that write as much as its token rows, in the order of the module.

    XLA copies the result of a kernel with a barrier where the module returns it, and nowhere else:
    the root is left out.
    """
    package = loading.load(GENERATED / "qwen3_30b_a3b")
    devices = np.array(aot.topology("v6e:2x2").devices).reshape(1, EP)
    mesh = Mesh(devices, ("data", "tensor"))

    def struct(shape: tuple[int, ...], dtype: type, spec: P) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=NamedSharding(mesh, spec))

    both = P(("data", "tensor"))
    # What does not divide cannot be sharded.
    by_token = P() if tokens % EP else both
    arrays = (
        struct((tokens, HIDDEN), jnp.bfloat16, by_token),
        struct((EXPERTS, 2, HIDDEN, INTERMEDIATE), jnp.bfloat16, both),
        struct((EXPERTS, INTERMEDIATE, HIDDEN), jnp.bfloat16, both),
        struct((tokens, EXPERTS), jnp.float32, by_token),
    )

    def layers(rows: jax.Array, *others: jax.Array) -> jax.Array:
        moe = package.kernel.fused_ep_moe
        return moe(mesh, moe(mesh, rows, *others), *others)

    module = jax.jit(layers).lower(*arrays).compile().as_text()
    entry = module[module.index("\nENTRY ") :]
    found = [
        (root, prod(int(size) for size in shape.split(",") if size), opcode)
        for root, shape, opcode in INSTRUCTION.findall(entry)
    ]
    kernels = [opcode for _, _, opcode in found if opcode == "custom-call"]
    assert len(kernels) == 2
    large = tokens // EP * HIDDEN
    return [
        opcode
        for root, size, opcode in found
        if size >= large and not root and opcode not in ("parameter", "custom-call")
    ]


def test_nothing_of_the_size_of_tokens_stands_beside_the_kernels() -> None:
    assert around(2048) == []


@pytest.mark.skipif(os.environ.get("MOEGEN_LONG") != "1", reason="npm run test:long")
def test_tokens_that_do_not_divide_are_padded() -> None:
    assert around(2046) != []
