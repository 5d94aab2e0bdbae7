"""Quantised weights: scales where they should be, rounding to nearest, nothing lost on the way."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from moegen_worker.package import model, quantization
from moegen_worker.validate import fingerprint, oracle

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


ROWS = {"int8": 127.0, "float8_e4m3fn": 448.0}


@pytest.mark.parametrize("kind", ROWS)
def test_a_rows_largest_is_exact_and_others_are_near(kind: str) -> None:
    row = weights(512)
    back = quantization.round_row(row, kind)
    largest = np.abs(row).max()
    assert np.abs(back).max() == pytest.approx(largest, rel=1e-6)
    # Half a step of the scale where values are even, of a value's binade where they are not.
    step = {"int8": 0.0, "float8_e4m3fn": 2**-4}[kind]
    even = largest / ROWS[kind] * (0.5 if kind == "int8" else 2**-10)
    assert (np.abs(back - row) <= step * np.abs(row) + even * 1.0001).all()
    assert np.abs(back - row).max() > even / 2


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_of_zeros_stays_and_no_type_changes_nothing(kind: str) -> None:
    assert (quantization.round_row(np.zeros(128), kind) == 0.0).all()
    row = weights(128).astype(np.float64)
    assert (quantization.round_row(row, None) == row).all()


def test_quantised_activations_round_the_token_and_the_activated_row() -> None:
    rng = np.random.default_rng(1)
    gate, up = (rng.standard_normal((64, 32)) / 8 for _ in range(2))
    down = rng.standard_normal((32, 64)) / 6
    spec_of = {"weights": "int8", "granularity": CHANNEL, "scales": "float32"}
    layer = {"activation": "silu", "quantization": {**spec_of, "activations": "int8"}}
    arrays = model.Weights(w1=np.stack([gate, up])[None], w2=down[None])
    x = rng.standard_normal(64)
    row = quantization.round_row(x, "int8")
    hidden = oracle.activate("silu", row @ gate, row @ up)
    wanted = quantization.round_row(hidden, "int8") @ down
    assert oracle.expert(layer, x, arrays, 0) == pytest.approx(wanted, rel=1e-12)
    plain = quantization.without_rows(layer)
    assert quantization.token_rows(plain) is None
    exact = oracle.activate("silu", x @ gate, x @ up) @ down
    assert oracle.expert(plain, x, arrays, 0) == pytest.approx(exact, rel=1e-12)
    assert 1e-3 < np.linalg.norm(wanted - exact) / np.linalg.norm(exact) < 3e-2


def test_sent_rows_are_those_that_experts_multiply() -> None:
    wired = {"wire": {"dispatch": "float8_e4m3fn"}}
    assert quantization.token_rows(wired) == "float8_e4m3fn"
    assert quantization.activations(wired) is None
    assert quantization.token_rows(quantization.without_rows(wired)) is None


def test_a_fingerprint_may_be_off_by_half_a_step_each_time_that_it_is_sent() -> None:
    wanted = np.array([[0.5, 0.001, 0.0, 0.25]])
    layer = {"wire": {"combine": "int8"}}
    off = fingerprint.slack(layer, wanted, roundings=2)
    assert off == pytest.approx(0.51 * 2 * np.full((1, 4), 0.5) / 127)
    assert (fingerprint.slack({}, wanted, roundings=2) == 0.0).all()
    weights, ids = wanted[:, [0, 1, 3]], np.array([[0, 1, 3]])
    # What is fainter than half a step need not show; what shows must be there.
    shown = np.array([[0.5, 0.0, 0.0, 0.25]])
    assert fingerprint.compare(shown, weights, ids, off + 1e-6, off) is None
    assert fingerprint.compare(shown, weights, ids, 1e-6) is not None
    stray = np.array([[0.5, 0.0, 0.1, 0.25]])
    assert fingerprint.compare(stray, weights, ids, off + 1e-6, off) is not None
    far = np.array([[0.5, 0.0, 0.0, 0.26]])
    assert fingerprint.compare(far, weights, ids, off + 1e-6, off) is not None
