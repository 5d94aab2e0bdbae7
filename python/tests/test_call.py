"""A generated kernel called in the ways of JAX: right, or refused by name before it is traced.

Each program is a kernel that is compiled, so tests share one where they can.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moegen_worker.simulate import interpreter

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "call"
AXES = ("data", "tensor")
EXPERTS, HIDDEN, INTERMEDIATE = 8, 256, 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    """Where the example's package is, built by the command line as its reader is told to."""
    path = tmp_path_factory.mktemp("kernels")
    command = ["node", "dist/cli/main.js", "build", "examples/call/small.moe.ts", "--out", path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(path)


@pytest.fixture(scope="module")
def moe(folder: Path) -> Any:
    sys.path.insert(0, str(folder))
    interpreter.quicken()
    import small_moe

    yield small_moe
    sys.path.remove(str(folder))


def _mesh(shape: Any = (1, 4), axes: Any = AXES, order: Any = (0, 1, 2, 3), kind: Any = "Auto"):
    import jax
    from jax.sharding import AxisType, Mesh

    devices = np.array(jax.devices())[list(order)].reshape(shape)
    return Mesh(devices, axes, axis_types=(getattr(AxisType, kind),) * len(axes))


def _arrays(tokens: int, seed: int = 0) -> tuple[Any, ...]:
    """Tokens, both weights and router logits."""
    import jax
    import jax.numpy as jnp

    def normal(index: int, shape: tuple[int, ...], scale: float, dtype: Any = jnp.bfloat16) -> Any:
        key = jax.random.key(10 * seed + index)
        return (scale * jax.random.normal(key, shape)).astype(dtype)

    return (
        normal(0, (tokens, HIDDEN), 1.0),
        normal(1, (EXPERTS, 2, HIDDEN, INTERMEDIATE), HIDDEN**-0.5),
        normal(2, (EXPERTS, INTERMEDIATE, HIDDEN), INTERMEDIATE**-0.5),
        normal(3, (tokens, EXPERTS), 1.0, jnp.float32),
    )


def _spread(mesh: Any, arrays: Any) -> tuple[Any, ...]:
    """Laid out as the kernel wants them; whole on each device where they do not divide."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    specs = [PartitionSpec(AXES) if a.shape[0] % 4 == 0 else PartitionSpec() for a in arrays]
    return tuple(jax.device_put(a, NamedSharding(mesh, s)) for a, s in zip(arrays, specs))


def _kernel(moe: Any, mesh: Any) -> Any:
    """The call in JAX's interpreter; races and memory that nobody wrote are `validate`'s."""
    return functools.partial(moe.fused_ep_moe, mesh, interpret=True)


def _same(result: Any, expected: Any, limit: float = 1e-2) -> None:
    result, expected = (np.asarray(array, np.float32) for array in (result, expected))
    assert result.shape == expected.shape
    np.testing.assert_array_less(np.abs(result - expected), limit * np.abs(expected).max())


def test_two_token_counts_in_one_jit_below_ep_and_one(moe: Any) -> None:
    import jax

    call = _kernel(moe, _mesh())
    few, one = _arrays(3), _arrays(1, seed=1)
    both = jax.jit(lambda few, one: (call(*few), call(*one)))
    for result, arrays in zip(both(few, one), (few, one)):
        _same(result, moe.reference_moe(*arrays))


def test_scan_over_layers_checkpointed_with_shardings_and_donated_tokens(moe: Any) -> None:
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    mesh = _mesh()
    layers = [_arrays(8, seed) for seed in range(2)]
    stacked = [np.stack(arrays) for arrays in list(zip(*layers))[1:]]

    def forward(layer: Any, tokens: Any, stacked: Any) -> Any:
        def step(rows: Any, arrays: Any) -> Any:
            return layer(rows, *arrays).astype(rows.dtype), None

        return jax.lax.scan(step, tokens, tuple(stacked))[0]

    expected = np.asarray(forward(moe.reference_moe, layers[0][0], stacked))
    by_layer = NamedSharding(mesh, PartitionSpec(None, AXES))
    program = jax.jit(
        functools.partial(forward, jax.checkpoint(_kernel(moe, mesh))),
        in_shardings=(NamedSharding(mesh, PartitionSpec(AXES)), [by_layer] * 3),
        donate_argnums=0,
    )
    tokens = _spread(mesh, layers[0][:1])[0]
    # The second layer multiplies what the first one rounded.
    _same(program(tokens, stacked), expected, limit=3e-2)
    assert tokens.is_deleted()


def test_permuted_devices_further_axes_numpy_bfloat16_logits_and_weak_types(moe: Any) -> None:
    import jax
    import jax.numpy as jnp

    mesh = _mesh((1, 2, 2, 1), ("first", *AXES, "last"), order=(6, 1, 3, 4))
    arrays = [np.asarray(array) for array in _arrays(8)]
    program = jax.jit(lambda *arrays: _kernel(moe, mesh)(*arrays[:3], arrays[3] * 1.0))
    logits = jnp.asarray(arrays[3], jnp.bfloat16)
    result = program(*arrays[:3], logits)
    _same(result, moe.reference_moe(*arrays[:3], logits))


@pytest.mark.parametrize("tokens", [8, 5])
@pytest.mark.parametrize("jit", [True, False])
def test_explicit_axes_take_the_same_arrays(moe: Any, tokens: int, jit: bool) -> None:
    import jax

    mesh = _mesh(kind="Explicit")
    maybe = jax.jit if jit else lambda call: call
    arrays = _arrays(tokens)
    spread = _spread(mesh, arrays)
    expected = moe.reference_moe(*arrays)
    _same(maybe(moe.reference_moe)(*spread), expected, limit=1e-5)
    _same(maybe(moe.reference_routing)(spread[3])[0], moe.reference_routing(arrays[3])[0], 1e-5)
    if jit == (tokens == 8):
        _same(maybe(_kernel(moe, mesh))(*spread), expected)


@pytest.mark.parametrize("jit", [True, False])
def test_the_reference_takes_what_lies_on_a_mesh(moe: Any, jit: bool) -> None:
    import jax

    arrays = _arrays(8)
    call = jax.jit(moe.reference_moe) if jit else moe.reference_moe
    _same(call(*_spread(_mesh(), arrays)), moe.reference_moe(*arrays), limit=1e-5)
    _same(call(*map(np.asarray, arrays)), moe.reference_moe(*arrays), limit=1e-5)


def test_blocks_of_128_tokens_under_a_callers_precision_replicated(moe: Any) -> None:
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    mesh = _mesh()
    arrays = _arrays(4 * 129)
    # Every device has tokens in a second block, and every block has rows of every expert.
    whole = [jax.device_put(array, NamedSharding(mesh, PartitionSpec())) for array in arrays]
    with jax.default_matmul_precision("highest"):
        result = jax.jit(_kernel(moe, mesh))(*whole)
    _same(result, moe.reference_moe(*arrays))


def test_a_callers_precision_does_not_reach_the_kernel(moe: Any) -> None:
    # Mosaic refuses bfloat16 operands at the highest precision.
    import jax

    def program(precision: str | None) -> str:
        with jax.default_matmul_precision(precision):
            return str(jax.make_jaxpr(_kernel(moe, _mesh()))(*_arrays(8)))

    assert "dot_general" in program(None)
    assert program("highest").count("HIGHEST") == program(None).count("HIGHEST")


def test_without_jit_and_with_a_weak_type(moe: Any) -> None:
    import jax
    import jax.numpy as jnp

    arrays = _arrays(8)
    logits = jnp.broadcast_to(jnp.asarray(1.0), (8, EXPERTS))
    assert logits.weak_type
    arrays = (*arrays[:3], logits)
    with jax.disable_jit():
        result = _kernel(moe, _mesh())(*arrays)
    _same(result, moe.reference_moe(*arrays))


@pytest.mark.parametrize("jit", [True, False])
def test_vmap_and_derivatives_are_refused(moe: Any, jit: bool) -> None:
    import jax
    import jax.numpy as jnp

    arrays = _arrays(8)
    call = jax.jit(_kernel(moe, _mesh())) if jit else _kernel(moe, _mesh())
    with pytest.raises(NotImplementedError, match="fused_ep_moe: no vmap"):
        jax.vmap(call, in_axes=(0, None, None, 0))(arrays[0][None], *arrays[1:3], arrays[3][None])
    for argument in range(4):
        loss = jax.grad(lambda *a: call(*a).astype(jnp.float32).sum(), argnums=argument)
        with pytest.raises(NotImplementedError, match="fused_ep_moe: it has no derivative"):
            loss(*arrays)
    with pytest.raises(NotImplementedError, match="fused_ep_moe: it has no derivative"):
        jax.jvp(lambda w: call(arrays[0], w, *arrays[2:]), arrays[1:2], arrays[1:2])


def test_x64_is_refused_and_may_be_off_around_the_call(moe: Any) -> None:
    import jax

    arrays = _arrays(8)
    call = _kernel(moe, _mesh())
    with jax.enable_x64(True):
        with pytest.raises(ValueError, match="^jax_enable_x64: expected False"):
            call(*arrays)
        with jax.enable_x64(False):
            assert jax.eval_shape(call, *arrays).shape == (8, HIDDEN)


def test_a_call_inside_shard_map_is_refused(moe: Any) -> None:
    import jax
    from jax.sharding import PartitionSpec

    mesh = _mesh()
    spec = PartitionSpec(AXES)
    inside = jax.shard_map(_kernel(moe, mesh), mesh=mesh, in_specs=(spec,) * 4, out_specs=spec)
    with pytest.raises(ValueError, match="^mesh: expected a call from outside shard_map"):
        inside(*_arrays(8))


def test_a_mesh_in_another_order_of_axes_is_refused_by_the_interpreter_alone(moe: Any) -> None:
    import jax

    arrays = _arrays(8)
    jax.eval_shape(_kernel(moe, _mesh()), *arrays)
    other = _mesh((4, 1), AXES[::-1])
    with pytest.raises(ValueError, match=r"^mesh: expected axes in the order \('data', 'tensor'\)"):
        _kernel(moe, other)(*arrays)
    assert jax.eval_shape(functools.partial(moe.fused_ep_moe, other), *arrays).shape


@pytest.mark.parametrize("tiles", ["by default", "given"])
def test_what_is_no_array_is_named(moe: Any, tiles: str) -> None:
    import jax.numpy as jnp

    arrays, call = _arrays(8), _kernel(moe, _mesh())
    own = {} if tiles == "by default" else {"tiles": moe.select_tiles(None, 8)}
    for place, name in enumerate(("tokens", "w1", "w2", "gating_output")):
        for wrong, kind in (
            (np.asarray(arrays[place], np.float32).tolist(), "list"),
            (None, "None"),
        ):
            given = (*arrays[:place], wrong, *arrays[place + 1 :])
            with pytest.raises(
                ValueError, match=f"^{name}: expected a JAX or NumPy array, got {kind}"
            ):
                call(*given, **own)
    for scalar in (jnp.bfloat16(1), jnp.zeros((0, HIDDEN), jnp.bfloat16)):
        with pytest.raises(ValueError, match="^tokens: expected shape"):
            call(scalar, *arrays[1:], **own)


def test_what_is_no_mesh_and_no_tiles_is_named(moe: Any) -> None:
    arrays = _arrays(8)
    with pytest.raises(ValueError, match="^mesh: expected a jax.sharding.Mesh, got ArrayImpl"):
        moe.fused_ep_moe(*arrays, _mesh(), interpret=True)
    with pytest.raises(ValueError, match="^tiles: expected Tiles, got dict"):
        _kernel(moe, _mesh())(*arrays, tiles={"bf": 128})


@pytest.mark.parametrize(("dtype", "ok"), [(np.int32, True), (np.int64, False), (np.uint32, False)])
def test_given_ids_that_int32_does_not_hold_are_refused(
    tmp_path: Path, dtype: Any, ok: bool
) -> None:
    import jax

    spec = (EXAMPLE / "small.moe.ts").read_text().replace("small_moe", "small_given")
    routing = 'routing: { where: "given" }'
    spec = re.sub(r"routing: \{.*\}", routing, spec)
    assert routing in spec
    (tmp_path / "small.moe.ts").write_text(spec)
    command = ["node", "dist/cli/main.js", "build", tmp_path / "small.moe.ts", "--out", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    sys.path.insert(0, str(tmp_path))
    package = importlib.import_module("small_given")
    sys.path.remove(str(tmp_path))
    del sys.modules["small_given"]
    # As int32, 2^32 + 3 is expert 3.
    ids = np.full((8, 2), 3 if ok else 3 + (dtype == np.int64) * 2**32, dtype)
    arrays = (*_arrays(8)[:3], np.ones((8, 2), np.float32), ids)
    call = functools.partial(package.fused_ep_moe, _mesh())
    if ok:
        assert jax.eval_shape(lambda: call(*arrays)).shape == (8, HIDDEN)
        return
    with pytest.raises(ValueError, match="^topk_ids: expected dtype int32, got "):
        call(*arrays)


def _example(folder: Path, old: str = "", new: str = "") -> Any:
    """The example's program in a process of its own, with one text replaced."""
    text = (EXAMPLE / "call.py").read_text()
    assert old in text
    env = {key: value for key, value in os.environ.items() if key not in ("NPROC", "XLA_FLAGS")}
    env |= {"PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", text.replace(old, new)]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_the_example_runs(folder: Path) -> None:
    done = _example(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(32, 256) on 4 devices, largest error ")


def test_too_few_threads_are_told_before_they_hang(folder: Path) -> None:
    done = _example(folder, '"NPROC"] = "64"', '"NPROC"] = "2"')
    assert "ValueError: interpret: expected over 4 threads" in done.stderr
    assert "set NPROC=64 before JAX starts" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted on Linux alone")
def test_threads_that_are_set_too_late_are_none(folder: Path) -> None:
    late = '"NPROC"] = "2"\nimport jax\n\njax.devices()\nos.environ["NPROC"] = "64"'
    done = _example(folder, '"NPROC"] = "64"', late)
    assert "ValueError: interpret: expected over 4 threads" in done.stderr
