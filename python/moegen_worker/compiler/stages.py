"""Bundles of multiplies as published MoE kernels write them, counted by the real TPU compiler.

One small Pallas kernel a case, compiled ahead of time without a TPU: the multiply in a loop, all
operands in VMEM; its cost is the loop's body. Writes what `src/predict/cost/stages.json` holds:

    LIBTPU_INIT_ARGS="--xla_jf_dump_to=DIR --xla_jf_dump_llo_text=true \
        --xla_jf_dump_llo_pass_label_regex=final_bundles \
        --xla_enable_custom_call_region_trace=true" \
        JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 python -m moegen_worker.compiler.stages > stages.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import aot

SLICES = {"v5e": "v5e:2x2", "v6e": "v6e:2x2", "v7x": "tpu7x:2x2x1"}
ROWS = (8, 16, 32, 64, 128, 256, 512)
# Weights of the first axis in one tile, and those that share a scale.
CONTRACTED, GROUP = 1024, 256
TYPES = {
    "v5e": ("bfloat16", "int8"),
    "v6e": ("bfloat16", "float8_e4m3fn"),
    "v7x": ("bfloat16", "float8_e4m3fn"),
}
# Further types of the plain form.
MORE = {"v5e": (), "v6e": ("int8",), "v7x": ("float4_e2m1fn",)}
ABOUT = (
    "Bundles for 1,024 weights of a multiply, by rows: [rows, bundles]. Forms: plain "
    "(two-dimensional operands), gate_up and down (rows packed by two, float32 sums in VMEM, as "
    "sgl-jax v1 has them), scaled (a scale for each 256 contracted weights)."
)
SOURCE = "python -m moegen_worker.compiler.stages; jax 0.10.2, libtpu 0.0.42.1"


class Case(NamedTuple):
    """One multiply: a kind of TPU, how its loop is written, its rows, the type of its weights."""

    device: str
    form: str
    rows: int
    weights: str

    @property
    def scaled(self) -> bool:
        """Whether weights have scales."""
        return self.form.endswith("scaled")

    @property
    def chunk(self) -> int:
        """Contracted weights of one dot."""
        return GROUP if self.scaled else CONTRACTED // 2

    @property
    def columns(self) -> int:
        """Width of a tile: a narrow `down` would count the activation anew for few columns."""
        if not self.form.startswith("down") or self.device == "v5e":
            return 512
        return 1024 if self.scaled else 2048


def _gate_up(case: Case, rows: Any, w1: Any, w3: Any, *rest: Any) -> None:
    """sgl-jax v1's dynamic_ffn1 on one tile."""
    import jax.numpy as jnp

    scales, sums = rest[:-2], rest[-2:]
    width = GROUP if case.scaled else case.columns
    for start in range(0, CONTRACTED // 2, case.chunk):
        part_of = slice(start, start + case.chunk)
        for part in range(2):
            operand = rows[:, part, part_of]
            for at, (weights, total) in enumerate(zip((w1, w3), sums, strict=True)):
                for column in range(0, case.columns, width):
                    columns = slice(column, column + width)
                    dot = jnp.dot(
                        operand,
                        weights[part, part_of, columns],
                        preferred_element_type=jnp.float32,
                    )
                    if scales:
                        group = start // case.chunk
                        scale = scales[at][part, group : group + 1, columns]
                        dot = dot * jnp.broadcast_to(scale, dot.shape)
                    total[:, columns] += dot


def _down(case: Case, gate_sums: Any, up_sums: Any, weights: Any, *rest: Any) -> None:
    """sgl-jax v1's dynamic_ffn2 on one tile."""
    import jax
    import jax.numpy as jnp

    scales, out = rest[:-1], rest[-1]
    for part in range(2):
        total = jnp.zeros((case.rows, case.columns // 2), jnp.float32)
        for start in range(0, CONTRACTED, case.chunk):
            part_of = slice(start, start + case.chunk)
            activated = jax.nn.silu(gate_sums[:, part_of]) * up_sums[:, part_of]
            dot = jnp.dot(activated, weights[part, part_of, :], preferred_element_type=jnp.float32)
            if scales:
                group = start // case.chunk
                scale = scales[0][part, group : group + 1, :]
                dot = dot * jnp.broadcast_to(scale, dot.shape)
            total += dot
        out[:, part, :] = (out[:, part, :].astype(jnp.float32) + total).astype(out.dtype)


def _plain(case: Case, rows: Any, weights: Any, total: Any) -> None:
    """A grouped matmul's tile."""
    import jax.numpy as jnp

    total[...] += jnp.dot(rows[...], weights[...], preferred_element_type=jnp.float32)


def operands(case: Case) -> tuple[Callable[..., None], list[tuple[tuple[int, ...], str]]]:
    """The stage and its buffers, `(shape, dtype)`."""
    rows, columns, half = case.rows, case.columns, CONTRACTED // 2
    if case.form.startswith("gate_up"):
        scale = [((2, half // case.chunk, columns), "float32")] * (2 * case.scaled)
        weights = [((2, half, columns), case.weights)] * 2
        sums = [((rows, columns), "float32")] * 2
        return _gate_up, [((rows, 2, half), "bfloat16"), *weights, *scale, *sums]
    if case.form.startswith("down"):
        scale = [((2, CONTRACTED // case.chunk, columns // 2), "float32")] * case.scaled
        sums = [((rows, CONTRACTED), "float32")] * 2
        weight = ((2, CONTRACTED, columns // 2), case.weights)
        return _down, [*sums, weight, *scale, ((rows, 2, columns // 2), "bfloat16")]
    weight = ((CONTRACTED, columns), case.weights)
    return _plain, [((rows, CONTRACTED), "bfloat16"), weight, ((rows, columns), "float32")]


def count(case: Case) -> float:
    """Bundles for 1,024 weights.

    Raises:
        RuntimeError: the compiler dumped no schedule, or one without the loop.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import tpu as pltpu
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    body, buffers = operands(case)

    def kernel(trips: Any, out: Any, *refs: Any) -> None:
        def trip(_: Any, carry: Any) -> Any:
            body(case, *refs)
            return carry

        jax.lax.fori_loop(0, trips[0], trip, 0)
        out[...] = jnp.zeros_like(out)

    call = pl.pallas_call(
        kernel,
        grid_spec=pltpu.PrefetchScalarGridSpec(
            num_scalar_prefetch=1,
            grid=(1,),
            in_specs=[],
            out_specs=pl.BlockSpec((8, 128), lambda *_: (0, 0)),
            scratch_shapes=[pltpu.VMEM(shape, jnp.dtype(kind)) for shape, kind in buffers],
        ),
        out_shape=jax.ShapeDtypeStruct((8, 128), jnp.float32),
        name="stage",
    )
    mesh = Mesh(np.array(list(aot.topology(SLICES[case.device]).devices)[:1]), ("x",))
    whole = PartitionSpec()
    alone = jax.shard_map(call, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False)
    trips = jax.ShapeDtypeStruct((1,), jnp.int32, sharding=NamedSharding(mesh, whole))
    compiled = jax.jit(alone).lower(trips).compile()
    dump = aot.dump_folder()
    read = aot.read_dump(dump, aot.kernel_names(compiled.as_text()))
    # The next case has the same names.
    for file in dump.iterdir() if dump is not None else ():
        file.unlink()
    loops = (read["bundles"] or {}).get("loops", [])
    if not loops:
        raise RuntimeError("no schedule: LIBTPU_INIT_ARGS must ask for final_bundles")
    weights = CONTRACTED * case.columns * (2 if case.form.startswith("gate_up") else 1)
    return round(max(loop["bundles"] for loop in loops) * 1024 / weights, 4)


def cases() -> Iterator[Case]:
    """All cases of the table, by device, type and form."""
    for device, types in TYPES.items():
        for weights in (*types, *MORE[device]):
            forms = ["plain"] if weights in MORE[device] else ["plain", "gate_up", "down"]
            if weights in types[1:]:
                forms += ["gate_up_scaled", "down_scaled"]
            for form in forms:
                # Beyond 256 rows a body with scales spills so much that it takes minutes.
                for rows in ROWS[:-1] if form.endswith("scaled") else ROWS:
                    yield Case(device, form, rows, weights)


def main() -> int:
    """Compiles all cases, prints the table as JSON and progress on stderr."""
    table: dict[str, dict[str, dict[str, list[list[float]]]]] = {}
    for case in cases():
        points = table.setdefault(case.device, {}).setdefault(case.form, {})
        points.setdefault(case.weights, []).append([case.rows, count(case)])
        print(*case, points[case.weights][-1][1], file=sys.stderr, flush=True)
    print(json.dumps({"about": ABOUT, "source": SOURCE, "bundles": table}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
