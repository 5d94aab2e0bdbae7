"""A generated package as its user calls it: the tile table, and what illegal arguments answer."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GENERATED = Path(__file__).parents[2] / "generated"


@pytest.fixture
def package() -> Any:
    sys.path.insert(0, str(GENERATED))
    try:
        import qwen3_30b_a3b

        yield qwen3_30b_a3b
    finally:
        sys.path.remove(str(GENERATED))
        for name in [name for name in sys.modules if name.startswith("qwen3_30b_a3b")]:
            del sys.modules[name]


def test_a_bucket_of_the_table_is_used_as_it_is(package: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert package.select_tiles("TPU v6 lite", 256).up_to == 256
        assert package.select_tiles("TPU7x", 257).up_to == 2048
        assert package.select_tiles(None, 1).up_to == 256


@pytest.mark.parametrize(("kind", "tokens"), [("TPU v9", 64), ("TPU v6 lite", 100_000)])
def test_a_missing_key_is_named_once(package: Any, kind: str, tokens: int) -> None:
    with pytest.warns(UserWarning, match=f"{kind}.*{tokens} tokens"):
        tiles = package.select_tiles(kind, tokens)
    tiles.check()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert package.select_tiles(kind, tokens) == tiles


@pytest.mark.parametrize(
    ("tile", "value"),
    [("bt", 24), ("bf", 384), ("bd", 1000), ("btc", (16,)), ("slots", 1), ("pass_tokens", 4096)],
)
def test_an_illegal_tile_is_named(package: Any, tile: str, value: Any) -> None:
    tiles = package.select_tiles(None, 64)._replace(**{tile: value})
    with pytest.raises(ValueError, match=rf"tiles\.{tile}"):
        tiles.check()


def _arguments() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh

    def array(*shape: int, dtype: Any = jnp.bfloat16) -> Any:
        return jax.ShapeDtypeStruct(shape, dtype)

    return {
        "mesh": Mesh(np.array(jax.devices()[:4]).reshape(1, 4), ("data", "tensor")),
        "tokens": array(64, 2048),
        "w1": array(128, 2, 2048, 768),
        "w2": array(128, 768, 2048),
        "gating_output": array(64, 128, dtype=jnp.float32),
    }


@pytest.mark.parametrize(
    ("argument", "shape", "dtype"),
    [
        ("tokens", (64, 2047), "bfloat16"),
        ("tokens", (0, 2048), "bfloat16"),
        ("tokens", (64, 2048), "float32"),
        ("w1", (128, 2048, 1536), "bfloat16"),
        ("w2", (128, 2048, 768), "bfloat16"),
        ("gating_output", (63, 128), "float32"),
        ("gating_output", (64, 128), "int32"),
    ],
)
def test_a_wrong_array_is_named(
    package: Any, argument: str, shape: tuple[int, ...], dtype: str
) -> None:
    import jax

    arguments = _arguments() | {argument: jax.ShapeDtypeStruct(shape, dtype)}
    with pytest.raises(ValueError, match=f"^{argument}: expected "):
        package.fused_ep_moe(*arguments.values(), interpret=True)


@pytest.mark.parametrize(
    ("argument", "spec"),
    [
        ("tokens", (None, "tensor")),
        ("w1", (None, None, None, "tensor")),
        ("w2", (None, "tensor")),
        ("gating_output", (None, "tensor")),
    ],
)
def test_a_wrong_sharding_is_named(package: Any, argument: str, spec: tuple[Any, ...]) -> None:
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    arguments = _arguments()
    sharding = NamedSharding(arguments["mesh"], PartitionSpec(*spec))
    array = arguments[argument]
    wrong = {argument: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)}
    with pytest.raises(ValueError, match=f"^{argument}: expected sharding "):
        package.fused_ep_moe(*(arguments | wrong).values(), interpret=True)


@pytest.mark.parametrize(
    ("shape", "axes"), [((1, 2), ("data", "tensor")), ((1, 4), ("data", "model"))]
)
def test_a_wrong_mesh_is_named(package: Any, shape: tuple[int, ...], axes: tuple[str, ...]) -> None:
    import jax
    from jax.sharding import Mesh

    devices = np.array(jax.devices()[: int(np.prod(shape))]).reshape(shape)
    arguments = _arguments() | {"mesh": Mesh(devices, axes)}
    with pytest.raises(ValueError, match="^mesh: expected "):
        package.fused_ep_moe(*arguments.values(), interpret=True)


def test_a_kernel_that_adds_up_no_hidden_tiles_takes_none() -> None:
    """Mixtral's buckets all have whole hidden tiles; GPT-OSS' prefill cuts its own."""
    from moegen_worker.package import loading

    whole, cut = (
        loading.load(GENERATED / name).tiles.select_tiles("TPU7x", 64)
        for name in ("mixtral_8x7b", "gpt_oss_120b")
    )
    with pytest.raises(ValueError, match=r"tiles\.bd: expected 4096, the whole axis"):
        whole._replace(bd=2048).check()
    cut._replace(bd=cut.bd // 3).check()
