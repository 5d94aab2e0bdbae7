"""The package's own `quantization` module against the worker's."""

from __future__ import annotations

from types import ModuleType

import ml_dtypes
import numpy as np

from ..package import model, quantization
from . import judging, metrics
from .judging import Verdict

# Scales that are rounded otherwise move weights half way between two values to the other one.
SCALE_BOUND = 1e-6
MARGIN = 1.01
NAMES = ("w1", "w2", "w3", "shared_w1", "shared_w2", "shared_w3")


def compare(
    helper: ModuleType | None, layer: model.Layer, exact: model.Weights, weights: model.Weights
) -> Verdict | None:
    """`quantize_weights` on the exact weights: the worker's types, shapes and scales, and as near
    to the exact weights; None: it is so."""
    layout = str(layer.get("weights", "fused"))
    plain = {name: array for name, array in exact.arrays(layout).items() if name in NAMES}
    assert helper is not None
    made = {name: np.asarray(array) for name, array in helper.quantize_weights(**plain).items()}
    wanted = weights.arrays(layout)
    for name, array in plain.items():
        spec, scale = quantization.of(layer, name), f"{name}_scale"
        for key in (name, *(() if spec is None else (scale,))):
            if (made[key].shape, made[key].dtype) != (wanted[key].shape, wanted[key].dtype):
                message = f"{made[key].dtype}{list(made[key].shape)} as {key}"
                return judging.failed(f"the generated quantize_weights makes {message}")
        if spec is None:
            if np.array_equal(made[name], wanted[name]):
                continue
            return judging.failed(f"the generated quantize_weights changes {name}")
        both = [
            quantization.unpacked(arrays[scale], array.shape[-1], spec, layer)
            for arrays in (made, wanted)
        ]
        off, least = (
            metrics.relative_error(quantization.dequantize(arrays[name], own, spec), array)
            for arrays, own in zip((made, wanted), both, strict=True)
        )
        scales = metrics.relative_error(*both)
        # Of bfloat16 scales the next one.
        bound = 2**-8 if spec["scales"] == "bfloat16" else SCALE_BOUND
        if scales > bound or off > MARGIN * least:
            message = f"{name} with an error of {off:.2e} where {least:.2e} will do"
            return judging.failed(f"the generated quantize_weights makes {message}")
    if hasattr(helper, "from_nvfp4"):
        return _compare_nvfp4(helper, layer, weights.w2)
    if hasattr(helper, "from_mxfp4"):
        return _compare_mxfp4(helper, layer, weights.w2)
    return None


def _compare_mxfp4(helper: ModuleType, layer: model.Layer, weights: np.ndarray) -> Verdict | None:
    """`from_mxfp4` on a checkpoint's bytes of (..., K, N) float4 weights."""
    spec = quantization.of(layer, "w2")
    assert spec is not None
    codes = np.swapaxes(weights, -1, -2).view(np.uint8) & 0xF
    size = quantization.block(spec) or 1
    pairs = codes.reshape(*codes.shape[:-1], -1, size // 2, 2)
    powers = np.arange(pairs[..., 0, 0].size).reshape(pairs.shape[:-2]) % 40 + 107
    blocks = pairs[..., 0] | pairs[..., 1] << 4
    made, scale = (np.asarray(a) for a in helper.from_mxfp4(blocks, powers.astype(np.uint8)))
    scale = quantization.unpacked(scale, weights.shape[-1], spec, layer)
    wanted = np.swapaxes(np.ldexp(1.0, powers - 127), -1, -2)[..., None, :]
    same = np.array_equal(made.astype(np.float32), weights.astype(np.float32))
    exact = np.array_equal(scale.astype(np.float64), wanted)
    if same and exact and made.dtype == ml_dtypes.float4_e2m1fn:
        return None
    return judging.failed("the generated from_mxfp4 makes other weights or scales")


def _compare_nvfp4(helper: ModuleType, layer: model.Layer, weights: np.ndarray) -> Verdict | None:
    """`from_nvfp4` on a checkpoint's bytes of an array like `weights` (..., K, N): as near as
    `quantize_weights` would come, and the loss that it says is the one that there is."""
    spec = quantization.of(layer, "w2")
    assert spec is not None
    *leading, contraction, channels = weights.shape
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (*leading, channels, contraction // 2), np.uint8)
    scales = rng.uniform(1.0, 8.0, (*leading, channels, contraction // 16))
    scales = scales.astype(ml_dtypes.float8_e4m3fn)
    whole = rng.uniform(1e-4, 1e-3, leading).astype(np.float32)
    codes = np.stack([packed & 0xF, packed >> 4], axis=-1).reshape(*scales.shape, 16)
    values = codes.view(ml_dtypes.float4_e2m1fn).astype(np.float64)
    exact = values * scales.astype(np.float64)[..., None] * whole[..., None, None, None]
    exact = np.swapaxes(exact.reshape(*leading, channels, contraction), -1, -2)
    made, scale, lost = (np.asarray(a) for a in helper.from_nvfp4(packed, scales, whole))
    scale = quantization.unpacked(scale, channels, spec, layer)
    off = quantization.dequantize(made, scale, spec) - exact
    error = metrics.relative_error(off + exact, exact)
    # Half of the last of float8's bits, and a little for the smallest ones.
    near = np.abs(off) <= 2.0**-4 * np.abs(exact) + np.abs(exact).max() * 2.0**-12
    if near.all() and abs(float(lost) - error) < 0.01 * error and made.dtype == weights.dtype:
        return None
    return judging.failed(f"the generated from_nvfp4 is off by {error:.2e} and says {lost:.2e}")
