"""The arrays that a model owns, in one form for the oracle and as a package's arguments."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from . import quantization

Layer = dict[str, Any]
Array = np.ndarray
# Standard deviation of biases: they matter beside projections of variance 1, and do not drown them.
BIAS_SCALE = np.float32(0.3)


@dataclasses.dataclass(frozen=True)
class Weights:
    """Expert weights, and what the layer has beside them; None where it has no such thing."""

    w1: Array  # (E, 2, D, F): gate and up; (E, 1, D, F): up alone
    w2: Array  # (E, F, D)
    b1: Array | None = None  # (E, 2, F)
    b2: Array | None = None  # (E, D)
    shared_w1: Array | None = None  # (D, S): gate
    shared_w2: Array | None = None  # (S, D)
    shared_w3: Array | None = None  # (D, S): up
    shared_gate: Array | None = None  # (D,)
    correction_bias: Array | None = None  # (E,), and of identity experts behind it
    # Scales of quantised weights, and the layer that says how they lie; None: weights are plain.
    w1_scale: Array | None = None  # (E, 2, ...)
    w2_scale: Array | None = None  # (E, ...)
    shared_w1_scale: Array | None = None
    shared_w2_scale: Array | None = None
    shared_w3_scale: Array | None = None
    format: Layer | None = None

    def plain(self, name: str, index: Any = ..., dtype: Any = np.float64) -> Array:
        """A weight array, or `index` of its leading axes, as what it stands for, in float64; as
        `dtype` rounds quantised ones."""
        weights = getattr(self, name)[index]
        spec = None if self.format is None else quantization.of(self.format, name)
        if spec is None:
            return np.asarray(weights, np.float64)
        scale = getattr(self, f"{name}_scale")[index]
        return quantization.dequantize(weights, scale, spec, dtype)

    def quantized(self, layer: Layer | None) -> Weights:
        """The same with quantised weights and their scales, if the layer says that there are."""
        if layer is None or layer.get("quantization") is None:
            return self
        found: dict[str, Array] = {}
        for name in ("w1", "w2", "shared_w1", "shared_w2", "shared_w3"):
            array, spec = getattr(self, name), quantization.of(layer, name)
            if array is not None and spec is not None:
                found[name], found[f"{name}_scale"] = quantization.quantize(array, spec)
        return dataclasses.replace(self, **found, format=layer)

    def of_experts(self, ids: Any) -> Weights:
        """The same model with these experts, in this order: a copy of one may be among them."""

        def taken(array: Array | None) -> Array | None:
            return None if array is None else array[np.asarray(ids)]

        per_expert = ("w1", "w2", "b1", "b2", "correction_bias", "w1_scale", "w2_scale")
        chosen = {name: taken(getattr(self, name)) for name in per_expert}
        return dataclasses.replace(self, **chosen)

    def arrays(self, layout: str) -> dict[str, Array]:
        """By argument name, in a layout: fused; separate: gate and up apart; side_by_side: gate
        columns, then up columns; up: without a gate."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del found["format"]
        for name in ("w1", "w2", "shared_w1", "shared_w2", "shared_w3"):
            scale = found[f"{name}_scale"]
            if scale is not None and self.format is not None:
                spec = quantization.of(self.format, name)
                assert spec is not None
                found[f"{name}_scale"] = quantization.packed(scale, spec, self.format)
        pairs = (
            ("w1", "w3", self.w1),
            ("w1_scale", "w3_scale", found["w1_scale"]),
            ("b1", "b3", self.b1),
        )
        for gate, up, both in pairs:
            if both is None:
                continue
            if layout == "separate":
                found |= {gate: both[:, 0], up: both[:, 1]}
            elif layout == "up":
                found[gate] = both[:, 0]
            elif layout == "side_by_side":
                found[gate] = np.concatenate([both[:, 0], both[:, 1]], axis=-1)
        return {name: array for name, array in found.items() if array is not None}


def projections(layer: Layer) -> int:
    """Of a row before the activation: gate and up, or up alone."""
    return 1 if layer["activation"] == "relu2" else 2


def shared_size(layer: Layer) -> int:
    """S: columns of all shared experts together."""
    shared = layer.get("sharedExperts")
    return 0 if shared is None else int(shared["count"]) * int(shared["intermediate"])


def identity_experts(layer: Layer) -> int:
    """Z: ids behind those of experts; what one gives is the token."""
    return int(layer.get("identityExperts", 0))


def random(
    layer: Layer, sizes: tuple[int, int, int], dtype: Any, rng: np.random.Generator
) -> Weights:
    """Weights of variance 1/fan-in for (E, D, F) = `sizes`."""
    e, d, f = sizes
    s = shared_size(layer)

    def normal(*shape: int, scale: Any) -> Array:
        return rng.standard_normal(shape, np.float32) * np.float32(scale)

    weights: dict[str, Array] = {
        "w1": normal(e, projections(layer), d, f, scale=d**-0.5).astype(dtype),
        "w2": normal(e, f, d, scale=f**-0.5).astype(dtype),
    }
    if layer.get("biases"):
        weights["b1"] = normal(e, 2, f, scale=BIAS_SCALE).astype(dtype)
        weights["b2"] = normal(e, d, scale=BIAS_SCALE).astype(dtype)
    if s:
        weights["shared_w1"] = normal(d, s, scale=d**-0.5).astype(dtype)
        weights["shared_w2"] = normal(s, d, scale=s**-0.5).astype(dtype)
        weights["shared_w3"] = normal(d, s, scale=d**-0.5).astype(dtype)
        if layer["sharedExperts"].get("gate"):
            weights["shared_gate"] = normal(d, scale=d**-0.5)
    if layer["routing"].get("correctionBias"):
        weights["correction_bias"] = normal(e + identity_experts(layer), scale=BIAS_SCALE)
    return Weights(**weights)


def silent(weights: Weights, w1: Array, w2: Array) -> Weights:
    """`w1` and `w2` with all that is added to them at zero; the correction bias stays."""
    zero = ("b1", "b2", "shared_w1", "shared_w2", "shared_w3", "shared_gate")
    zeros = {
        name: None if getattr(weights, name) is None else np.zeros_like(getattr(weights, name))
        for name in zero
    }
    made = dataclasses.replace(weights, w1=w1, w2=w2, **zeros, format=None)
    return made.quantized(weights.format)
