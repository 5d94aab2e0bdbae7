"""Variances of the errors that single roundings make; what they add up to is in `rounding`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..package import quantization

Array = np.ndarray

UNIT = 2.0**-24
MEAN_OF_NORMAL = float(np.sqrt(2.0 / np.pi))
# Bits of the significand beside the leading one.
BITS = {"bfloat16": 7, "float32": 23}
# What the deviation of a small error may be off by; and of a step, what such an error is below.
DOUBT = 2.0
FEW = 1.0 / 16.0


def steps(values: Array, bits: int) -> Array:
    """Distance of neighbours of `bits` bits behind the leading one, at each of `values`."""
    values = np.asarray(values, np.float64)
    _, exponents = np.frexp(values)
    return np.where(values == 0.0, 0.0, np.ldexp(1.0, exponents - 1 - bits))


def nearest(values: Array, dtype: Any, rounded: Any = 0.0) -> Array:
    """Variance of rounding to a dtype. Where a part `rounded` of a value is on the grid already,
    the error is that of the rest, which is known: little where that is little."""
    bits = BITS[np.dtype(dtype).name]
    step = steps(values, bits)
    rest = np.divide(values - rounded, step, out=np.zeros_like(values), where=step > 0)
    known = np.square((rest - np.rint(rest)) * step)
    return np.where((rounded != 0.0) & (steps(rounded, bits) >= step), known, step**2 / 12.0)


def product(rows: Array, weights: Array) -> Array:
    """Variance of a float32 product's sums, (n, K) times (K, N): of the kernel and the reference."""
    squares = np.square(rows).sum(-1)[:, None] * np.square(weights).sum(0) / len(weights)
    return 2 * 0.09 * len(weights) * UNIT**2 * squares


def quantized(rows: Array, kind: str) -> Array:
    """Variance of quantising rows (n, N) to integers of `kind` with one scale a row."""
    largest = np.abs(rows).max(axis=-1, keepdims=True)
    step = largest / quantization.largest(quantization.dtype_of(kind))
    return np.broadcast_to(step**2 / 12.0, rows.shape)


def requantized(rows: Array, variance: Array, kind: str) -> tuple[Array, Array]:
    """Variance of rows (n, N) that both sides quantise to `kind` with one scale a row, where
    those of one side have errors of some variance; and the mean of the errors' fourth power, which
    is large where few values move, by a whole step each."""
    dtype = quantization.dtype_of(kind)
    largest = np.abs(rows).max(axis=-1, keepdims=True)
    # The scale follows the largest value's error.
    first = np.abs(rows).argmax(axis=-1)[:, None]
    relative = np.take_along_axis(variance, first, -1) / np.where(largest > 0, largest, 1.0) ** 2
    variance = variance + rows**2 * relative
    scale = largest / quantization.largest(dtype)
    if quantization.is_integer(dtype):
        step = np.broadcast_to(scale, rows.shape)
    else:
        bits = quantization.fraction_bits(dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(scale > 0, rows / scale, 0.0)
        step = np.maximum(steps(scaled, bits), quantization.least(dtype)) * scale
    error = np.sqrt(variance)
    moved = step * np.minimum(MEAN_OF_NORMAL * error, step)
    moved = np.maximum(moved, np.where(error > step, variance, 0.0))
    # Values are known: one beside the middle of two neighbours goes to either, be that ever so rare.
    either = _either(rows, step, DOUBT * error) * step**2
    largest_moved = np.where(error < FEW * step, np.maximum(moved, either), moved)
    return moved, largest_moved * step**2


def _either(values: Array, step: Array, error: Array) -> Array:
    """Chance, at most, that an error of this deviation takes a value to its other neighbour."""
    rest = np.divide(np.abs(values), step, out=np.zeros_like(values), where=step > 0)
    distance = np.abs(rest - np.floor(rest) - 0.5) * step
    deviations = np.divide(distance, error, out=np.full_like(values, np.inf), where=error > 0)
    return 0.5 * np.exp(-np.square(deviations) / 2.0)
