"""Quantised weights in numpy: to 8 bits with scales, and back.

It shares no code with the generated helper, so that a mistake in one shows against the other.
`spec` is the plan's `layer["quantization"]`: `weights` (a type), `scales` (a type) and
`granularity`: "per_channel", "blocks_128x128" or `{"block": n}`, n neighbours of a channel.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray
Spec = dict[str, Any]
BLOCK = 128


def of(layer: dict[str, Any], name: str) -> Spec | None:
    """Of the weights called `name` in a plan's layer; None: they are plain. The shared experts'
    are as the routed ones' unless they say how, or "none"."""
    own = (layer.get("sharedExperts") or {}).get("quantization")
    if name.startswith("shared_") and own is not None:
        return None if own == "none" else own
    return layer.get("quantization")


def block(spec: Spec) -> int | None:
    """Neighbours along the contraction that share a scale; None: all of them."""
    granularity = spec["granularity"]
    if granularity == "per_channel":
        return None
    return BLOCK if granularity == "blocks_128x128" else int(granularity["block"])


def dtypes(spec: Spec) -> tuple[Any, Any]:
    """Of the weights and of the scales."""
    return dtype_of(spec["weights"]), dtype_of(spec["scales"])


def dtype_of(name: str) -> Any:
    """The type of a name, of numpy or ml_dtypes."""
    return np.dtype(getattr(ml_dtypes, name, name))


def largest(dtype: Any) -> float:
    """The largest finite number of a type."""
    limits = ml_dtypes.iinfo(dtype) if is_integer(dtype) else ml_dtypes.finfo(dtype)
    return float(limits.max)


def fraction_bits(dtype: Any) -> int:
    """Of a floating-point type: bits of the significand that it keeps."""
    return int(ml_dtypes.finfo(dtype).nmant)


def least(dtype: Any) -> float:
    """Of a floating-point type: the smallest step."""
    return float(ml_dtypes.finfo(dtype).smallest_subnormal)


def is_integer(dtype: Any) -> bool:
    """Whether it is one of the integer types of weights."""
    return bool(dtype in (np.int8, ml_dtypes.int4))


def scale_shape(shape: tuple[int, ...], spec: Spec) -> tuple[int, ...]:
    """Shape of the scales of weights (..., K, N)."""
    *leading, contraction, channels = shape
    rows = contraction // (block(spec) or contraction)
    if spec["granularity"] == "blocks_128x128":
        return (*leading, rows, channels // BLOCK)
    return (*leading, rows, 1, channels)


def exponents(spec: Spec) -> bool:
    """Whether scales are powers of two, which the kernel takes as exponents, four in a word."""
    return bool(spec["scales"] == "float8_e8m0fnu")


def _fills_lanes(layer: dict[str, Any]) -> bool:
    return bool(layer["hidden"] % BLOCK == 0 and layer["intermediate"] % BLOCK == 0)


def packed_shape(shape: tuple[int, ...], spec: Spec, layer: dict[str, Any]) -> tuple[int, ...]:
    """Shape of the scales of weights (..., K, N) as the kernel takes them."""
    plain = scale_shape(shape, spec)
    if not exponents(spec):
        return plain
    *leading, rows, one, channels = plain
    if _fills_lanes(layer):
        return (*leading, rows // 4, one, channels)
    return (*leading, rows, one, -(-channels // 512) * BLOCK)


def packed(scale: Array, spec: Spec, layer: dict[str, Any]) -> Array:
    """Scales as the kernel takes them: powers of two as words of four exponents, which are of blocks
    along the contraction, or where sizes do not fill lanes of columns that are 128 apart."""
    if not exponents(spec):
        return scale
    codes = scale.view(np.uint8)[..., 0, :].astype(np.uint32)
    # NaN loses its column, and is looked for in the first block alone.
    codes = np.where((codes == 255).any(axis=-2, keepdims=True), np.uint32(255), codes)
    if _fills_lanes(layer):
        words = sum(codes[..., place::4, :] << np.uint32(8 * place) for place in range(4))
        return np.asarray(words, np.uint32)[..., None, :]
    columns = np.arange(codes.shape[-1])
    words = np.zeros((*codes.shape[:-1], -(-len(columns) // 512) * BLOCK), np.uint32)
    for place in range(4):
        mine = columns // BLOCK % 4 == place
        at = columns[mine] // 512 * BLOCK + columns[mine] % BLOCK
        words[..., at] |= codes[..., mine] << np.uint32(8 * place)
    return words[..., None, :]


def unpacked(words: Array, channels: int, spec: Spec, layer: dict[str, Any]) -> Array:
    """The scales that `packed` made so, for so many output channels."""
    if not exponents(spec):
        return words
    words = words[..., 0, :]
    columns = np.arange(channels)
    if _fills_lanes(layer):
        rows = np.arange(4 * words.shape[-2])
        codes = words[..., rows // 4, :] >> (8 * (rows % 4)).astype(np.uint32)[:, None]
    else:
        at = columns // 512 * BLOCK + columns % BLOCK
        codes = words[..., at] >> (8 * (columns // BLOCK % 4)).astype(np.uint32)
    codes = (codes & 0xFF).astype(np.uint8)
    return np.ascontiguousarray(codes[..., None, :]).view(ml_dtypes.float8_e8m0fnu)


def spread(scale: Array, shape: tuple[int, ...], spec: Spec) -> Array:
    """A scale for each weight of `shape`, in float64."""
    scale = np.asarray(scale, np.float64)
    if spec["granularity"] == "blocks_128x128":
        scale = np.repeat(scale, BLOCK, axis=-1)
    else:
        scale = scale[..., 0, :]
    return np.repeat(scale, shape[-2] // scale.shape[-2], axis=-2)


def quantize(weights: Array, spec: Spec) -> tuple[Array, Array]:
    """Weights (..., K, N), and scales that map the largest magnitude to the type's largest."""
    dtype, scale_dtype = dtypes(spec)
    values = np.asarray(weights, np.float32)
    shape = scale_shape(values.shape, spec)
    size = block(spec) or values.shape[-2]
    # (..., K / size, size, N): a block's largest along its rows, then along its columns.
    grouped = np.abs(values).reshape(*values.shape[:-2], -1, size, values.shape[-1])
    most = grouped.max(axis=-2)
    if spec["granularity"] == "blocks_128x128":
        most = most.reshape(*most.shape[:-1], -1, BLOCK).max(axis=-1)
    most = most.reshape(shape)
    scale = np.where(most == 0, np.float32(1), most / np.float32(largest(dtype)))
    if exponents(spec):
        # The least power of two that is not below.
        fraction, power = np.frexp(scale)
        scale = np.ldexp(np.float32(1), power - (fraction == 0.5))
    scale = scale.astype(scale_dtype)
    divided = values / spread(scale, values.shape, spec).astype(np.float32)
    clipped = np.clip(divided, -largest(dtype), largest(dtype))
    rounded = np.rint(clipped) if is_integer(dtype) else clipped
    return rounded.astype(dtype), scale


def dequantize(weights: Array, scale: Array, spec: Spec, dtype: Any = np.float64) -> Array:
    """What quantised weights (..., K, N) stand for, in float64; their scales and they themselves
    as `dtype` rounds them."""
    rounded = np.asarray(scale).astype(dtype)
    plain = np.asarray(weights, np.float64) * spread(rounded, weights.shape, spec)
    return plain.astype(dtype).astype(np.float64)


def activations(layer: dict[str, Any]) -> str | None:
    """Type that activated rows of the routed experts are quantised to; None: they are not."""
    found = (layer.get("quantization") or {}).get("activations")
    return None if found is None else str(found)


def token_rows(layer: dict[str, Any]) -> str | None:
    """Type that token rows are quantised to; None: they are not."""
    wired = (layer.get("wire") or {}).get("dispatch")
    return activations(layer) or (None if wired is None else str(wired))


def partial_sums(layer: dict[str, Any]) -> str | None:
    """Type that sums of a token are quantised to where they leave a device; None: they are not. The
    rounding is an error like any: which sums are rounded together depends on the way they take."""
    found = (layer.get("wire") or {}).get("combine")
    return None if found is None else str(found)


def without_rows(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer with its rows as they are."""
    spec = layer.get("quantization") or {}
    plain = {name: value for name, value in spec.items() if name != "activations"}
    return {**layer, "wire": {}, **({"quantization": plain} if plain else {})}


def round_row(row: Any, name: str | None) -> Array:
    """A row quantised to the type `name` with one scale, as what it stands for, in float64.

    What decides between two neighbours is float32 arithmetic: a part of the definition, for
    exact halves are common among products of bfloat16 values.
    """
    if name is None:
        return np.asarray(row, np.float64)
    dtype = dtype_of(name)
    single = np.asarray(row, np.float32)
    most = np.maximum(np.abs(single).max(), np.float32(1e-30))
    top = np.float32(largest(dtype))
    scaled = single * (top / most)
    rounded = np.rint(scaled) if dtype == np.int8 else scaled.astype(dtype)
    return np.asarray(rounded, np.float64) * np.float64(most / top)
