"""Scales that are exponents: how they lie, what the generated helper and product make of each byte."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from moegen_worker.package import quantization

GENERATED = Path(__file__).parents[2] / "generated"
SPEC = {
    "weights": "float4_e2m1fn",
    "scales": "float8_e8m0fnu",
    "granularity": {"kind": "sub_channel", "block": 32},
}
# Sizes that fill lanes and do not, with the packages whose helper lays them so.
LANES = {"hidden": 256, "intermediate": 512}
RAGGED = {"hidden": 576, "intermediate": 576}
PACKAGES = (("deepseek_v4_flash", LANES), ("gpt_oss_120b_fp4", RAGGED))
NO_NUMBER = 255


@pytest.fixture
def generated() -> Iterator[None]:
    sys.path.insert(0, str(GENERATED))
    before = set(sys.modules)
    try:
        yield
    finally:
        sys.path.remove(str(GENERATED))
        for name in set(sys.modules) - before:
            if name.split(".")[0] in dict(PACKAGES):
                del sys.modules[name]


def _bytes(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Of scales (R, N), every byte among them, in two columns one that is no number."""
    found = np.random.default_rng(seed).integers(0, NO_NUMBER, (rows, columns)).astype(np.uint8)
    found.ravel()[:NO_NUMBER] = np.arange(NO_NUMBER)
    found[-1, columns // 2] = found[0, columns - 1] = NO_NUMBER
    return found


def _lost(exponents: np.ndarray) -> np.ndarray:
    """(N,): columns with one that is no number."""
    return (exponents == NO_NUMBER).any(axis=0)


@pytest.mark.parametrize("layer", [LANES, RAGGED])
def test_words_have_every_byte_and_lose_whole_columns(layer: dict[str, int]) -> None:
    exponents = _bytes(8, layer["intermediate"])
    natural = exponents[:, None, :].view(ml_dtypes.float8_e8m0fnu)
    words = quantization.packed(natural, SPEC, layer)
    shape = (8 * 32, layer["intermediate"])
    assert words.shape == quantization.packed_shape(shape, SPEC, layer)
    back = quantization.unpacked(words, shape[-1], SPEC, layer).view(np.uint8)[:, 0]
    lost = _lost(exponents)
    assert lost.sum() == 2
    assert np.array_equal(back[:, ~lost], exponents[:, ~lost])
    assert (back[:, lost] == NO_NUMBER).all()


@pytest.mark.parametrize(("name", "layer"), PACKAGES)
def test_the_helper_lays_bytes_as_the_worker(
    generated: None, name: str, layer: dict[str, int]
) -> None:
    helper: Any = importlib.import_module(f"{name}.quantization")
    exponents = _bytes(8, layer["intermediate"])
    natural = exponents[:, None, :].view(ml_dtypes.float8_e8m0fnu)
    words = np.asarray(helper.pack_scales(exponents))
    assert np.array_equal(words, quantization.packed(natural, SPEC, layer))
    weights = np.ones((8 * 32, layer["intermediate"]), ml_dtypes.float4_e2m1fn)
    stand_for = np.asarray(helper.dequantize(weights, words))[::32]
    lost = _lost(exponents)
    assert np.isnan(stand_for[:, lost]).all()
    wanted = np.ldexp(1.0, exponents.astype(int) - 127)[:, ~lost]
    # The least one is subnormal: where these are flushed it is nought.
    off = stand_for[:, ~lost] != wanted
    assert (exponents[:, ~lost][off] == 0).all()
    assert (stand_for[:, ~lost][off] == 0.0).all()


@pytest.mark.parametrize(("name", "layer"), PACKAGES)
def test_the_helper_takes_the_least_power_that_clips_nothing(
    generated: None, name: str, layer: dict[str, int]
) -> None:
    helper: Any = importlib.import_module(f"{name}.quantization")
    weights = np.ones((128, layer["intermediate"]), np.float32)
    # The largest of float4 is 6: exactly it, just above it, nought, and no number.
    for column, value in enumerate([6.0, np.nextafter(np.float32(6), 7), 3.0, 0.0, np.nan]):
        weights[:32, column] = value
    words = np.asarray(helper.quantize(weights)[1])
    found = quantization.unpacked(words, layer["intermediate"], SPEC, layer).view(np.uint8)
    assert found[0, 0, :5].tolist() == [127, 128, 126, 127, NO_NUMBER]


@pytest.mark.parametrize(("name", "layer"), PACKAGES)
def test_the_product_takes_each_byte_for_what_it_says(
    generated: None, name: str, layer: dict[str, int]
) -> None:
    import jax
    import jax.numpy as jnp
    from jax.experimental import pallas as pl

    module: Any = importlib.import_module(f"{name}.feed_forward")
    blocks, columns = 8, layer["intermediate"]
    exponents = _bytes(blocks, columns, seed=1)
    natural = exponents[:, None, :].view(ml_dtypes.float8_e8m0fnu)
    words = quantization.packed(natural, SPEC, layer)
    # Row b has the b-th block's scales: one weight of one and no other.
    left = np.zeros((16, 32 * blocks), ml_dtypes.bfloat16)
    left[np.arange(blocks), 32 * np.arange(blocks)] = 1.0
    weights = np.zeros((32 * blocks, columns), ml_dtypes.float4_e2m1fn)
    weights[::32] = 1.0

    def kernel(rows: Any, weights: Any, scales: Any, out: Any) -> None:
        out[...] = module.scaled_dot(rows[...], weights, scales)

    call = pl.pallas_call(
        kernel, out_shape=jax.ShapeDtypeStruct((16, columns), jnp.float32), interpret=True
    )
    result = np.asarray(call(left, weights, words))[:blocks]
    lost = _lost(exponents)
    assert np.isnan(result[:, lost]).all()
    wanted = np.ldexp(1.0, exponents.astype(int) - 127)[:, ~lost]
    wanted[exponents[:, ~lost] == 0] = 0.0
    assert np.array_equal(result[:, ~lost], wanted)
