"""Quantised weights: scales where they should be, rounding to nearest, nothing lost on the way."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from moegen_worker import model, oracle, quantization

CHANNEL, BLOCKS, SUB = "per_channel", "blocks_128x128", {"kind": "sub_channel", "block": 256}
TYPES = ("float8_e4m3fn", "float8_e5m2", "int8", "float4_e2m1fn", "int4")


def spec(weights: str, granularity: Any, scales: str = "float32") -> quantization.Spec:
    return {"weights": weights, "granularity": granularity, "scales": scales}


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("granularity", "shape"),
    [(CHANNEL, (2, 1, 1, 384)), (SUB, (2, 2, 1, 384)), (BLOCKS, (2, 4, 3))],
)
def test_scales_lie_as_the_arguments_do(granularity: Any, shape: tuple[int, ...]) -> None:
    _, scale = quantization.quantize(weights(2, 512, 384), spec("int8", granularity))
    assert scale.shape == shape


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("granularity", [CHANNEL, SUB, BLOCKS])
def test_the_largest_of_a_block_is_exact_and_others_near(kind: str, granularity: Any) -> None:
    values, how = weights(512, 256), spec(kind, granularity)
    quantized, scale = quantization.quantize(values, how)
    back = quantization.dequantize(quantized, scale, how)
    step = {"float8_e4m3fn": 2**-4, "float8_e5m2": 2**-3, "float4_e2m1fn": 0.25}.get(kind, 0.0)
    # Half a step of a value's binade, or of the scale where values are even.
    even = quantization.spread(scale, values.shape, how) * {"float4_e2m1fn": 0.25}.get(
        kind, 0.5 if "int" in kind else 2**-10
    )
    assert (np.abs(back - values) <= step * np.abs(values) + even * 1.0001).all()
    # Where the largest of a channel's first block stands, it comes back.
    block = np.abs(values[:128, :128])
    row, column = np.unravel_index(np.argmax(block), block.shape)
    if granularity == BLOCKS:
        assert back[row, column] == pytest.approx(values[row, column], rel=1e-6)


def test_bfloat16_scales_are_what_the_weights_are_divided_by() -> None:
    how = spec("int8", CHANNEL, "bfloat16")
    values = weights(256, 128)
    quantized, scale = quantization.quantize(values, how)
    assert scale.dtype == ml_dtypes.bfloat16
    error = np.abs(quantization.dequantize(quantized, scale, how) - values)
    half = np.asarray(scale, np.float64)[0] / 2
    # A scale that was rounded down clips the largest.
    largest = np.abs(values).max(axis=0)
    assert (error <= half * 1.0001 + (np.abs(values) == largest) * largest * 2**-8).all()


def test_a_block_of_zeros_stays_zero() -> None:
    for kind in TYPES:
        how = spec(kind, BLOCKS)
        quantized, scale = quantization.quantize(np.zeros((256, 128), np.float32), how)
        assert np.isfinite(np.asarray(scale, np.float32)).all()
        assert not np.asarray(quantized, np.float32).any()


def test_one_scale_off_moves_the_oracle() -> None:
    layer = {"routing": {"where": "given"}, "activation": "silu", "topK": 1}
    rng = np.random.default_rng(1)
    made = model.random(layer, (2, 128, 128), np.float32, rng).quantized(
        {**layer, "quantization": spec("int8", CHANNEL)}
    )
    x, shares, ids = weights(3, 128), np.ones((3, 1)), np.zeros((3, 1), int)
    before = oracle.moe(layer, x, made, shares, ids)
    assert made.w2_scale is not None
    made.w2_scale[0, 0, 0, 5] *= 2
    after = oracle.moe(layer, x, made, shares, ids)
    assert np.allclose(after[:, 5], 2 * before[:, 5])
    assert np.array_equal(np.delete(after, 5, axis=1), np.delete(before, 5, axis=1))
