"""The arguments of `fused_ep_moe` after the mesh: order, shapes, dtypes, and what each is spread over."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from . import model, quantization
from .loading import MoePackage

# Columns of a TPU tile.
LANES = 128


@dataclasses.dataclass(frozen=True)
class Argument:
    """One positional argument."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    # Spread over the mesh's "tokens" or "experts" axes, or over "all", along `axis`; "": whole
    # everywhere.
    over: str = ""
    axis: int = 0
    # Along which an expert's columns are spread over the axes of those; None: it has them whole.
    columns: int | None = None

    @property
    def owned(self) -> bool:
        """Whether the model owns it; else it belongs to one call."""
        return self.over != "tokens"


def of(package: MoePackage, layer: model.Layer, tokens: int) -> list[Argument]:
    """In the order of the call, for T = `tokens`."""
    import jax.numpy as jnp

    d, f, k = package.hidden, package.intermediate, package.top_k
    s = model.shared_size(layer)
    dtype = _dtype(package, quantization.of(layer, "w1"))
    single = jnp.float32
    layout = layer.get("weights", "fused")

    def expert(name: str, *shape: int) -> Argument:
        columns = None if package.tp == 1 or name == "b2" else 1 if name == "w2" else len(shape)
        return Argument(name, (package.held_experts, *shape), dtype, "experts", 0, columns)

    def scales(weights: list[Argument]) -> list[Argument]:
        specs = [(weight, quantization.of(layer, weight.name)) for weight in weights]
        return [_scale(weight, spec, layer) for weight, spec in specs if spec is not None]

    def row(name: str, width: int, kind: Any) -> Argument:
        return Argument(name, (tokens, width), kind, "tokens")

    pairs = (2,) if layout == "fused" else ()
    width = 2 * f if layout == "side_by_side" else f
    third = layout == "separate"
    weights = [expert("w1", *pairs, d, width), expert("w2", f, d)]
    weights += [expert("w3", d, f)] if third else []
    arguments = [row("tokens", d, package.dtype), *weights, *scales(weights)]
    if layer.get("biases"):
        biases = [expert("b1", *pairs, width), expert("b2", d)]
        biases += [expert("b3", f)] if third else []
        arguments += [dataclasses.replace(bias, dtype=package.dtype) for bias in biases]
    if layer["routing"].get("where") == "given":
        arguments += [row("topk_weights", k, single), row("topk_ids", k, jnp.int32)]
    else:
        arguments += [row("gating_output", package.ids, single)]
        if layer["routing"].get("correctionBias"):
            arguments += [Argument("correction_bias", (package.ids,), single)]
    if s:
        # Every device has its own columns where they fill whole lanes.
        own = quantization.of(layer, "shared_w1")
        dtype = _dtype(package, own)
        unit = math.lcm(LANES, (own and quantization.block(own)) or 1)
        over = "all" if s % (unit * package.devices) == 0 else ""
        shared = [
            Argument("shared_w1", (d, s), dtype, over, axis=1),
            Argument("shared_w2", (s, d), dtype, over),
            Argument("shared_w3", (d, s), dtype, over, axis=1),
        ]
        arguments += [*shared, *scales(shared)]
        if layer["sharedExperts"].get("gate"):
            arguments += [Argument("shared_gate", (d,), single)]
    return arguments


def _dtype(package: MoePackage, spec: quantization.Spec | None) -> Any:
    """Of weights."""
    return package.dtype if spec is None else quantization.dtypes(spec)[0]


def _scale(weight: Argument, spec: quantization.Spec, layer: model.Layer) -> Argument:
    """Scales of an array of weights, spread as it is."""
    shape = quantization.packed_shape(weight.shape, spec, layer)
    words = quantization.exponents(spec)
    dtype = np.dtype(np.uint32) if words else quantization.dtypes(spec)[1]
    # Spread over output channels: the last axis. Over the contraction: where there are rows of it.
    axis = len(shape) - 1 if weight.axis == 1 else weight.axis
    over = weight.over if len(weight.shape) > 2 or shape[axis] > 1 else ""
    columns = weight.columns
    if columns is not None:
        # Down's rows are what is added up: there may be one scale for all of them.
        columns = len(shape) - 1 if weight.name != "w2" else 1 if shape[1] > 1 else None
    return Argument(f"{weight.name}_scale", shape, dtype, over, axis, columns)


@dataclasses.dataclass(frozen=True)
class Placement:
    """A mesh, and the axes of it that tokens, experts and their columns are spread over."""

    mesh: Any
    tokens: tuple[str, ...]
    experts: tuple[str, ...]
    columns: tuple[str, ...] = ()

    def sharding(self, argument: Argument, leading: int = 0) -> Any:
        """Of an argument with `leading` axes before its own; rows that do not divide over the
        devices come in whole on each, as the kernel pads them itself."""
        from jax.sharding import NamedSharding, PartitionSpec

        every = (*self.experts, *self.columns)
        over = {"tokens": self.tokens, "experts": self.experts, "all": every, "": ()}
        axes = over[argument.over]
        parts = math.prod(self.mesh.shape[axis] for axis in axes)
        spread = bool(axes) and argument.shape[argument.axis] % parts == 0
        spec: list[Any] = [None] * (leading + len(argument.shape))
        if spread:
            spec[leading + argument.axis] = axes
        if argument.columns is not None:
            spec[leading + argument.columns] = self.columns
        while spec and spec[-1] is None:
            spec.pop()
        return NamedSharding(self.mesh, PartitionSpec(*spec))

    def struct(self, argument: Argument, calls: int | None = None) -> Any:
        """The argument without its values; with `calls`, one for each of several calls."""
        import jax

        leading = () if calls is None or argument.owned else (calls,)
        sharding = self.sharding(argument, len(leading))
        shape = (*leading, *argument.shape)
        return jax.ShapeDtypeStruct(shape, argument.dtype, sharding=sharding)


# Orders and further axes that a caller's mesh may have: the kernel must not care.
FORMS = ("plain", "reversed", "further")


def place(
    package: MoePackage,
    devices: Any,
    token_axes: Any = None,
    split: bool = False,
    form: str = "plain",
) -> Placement:
    """A mesh of the first devices: those of experts along the last of their axes, or (`split`) two by
    half of them along the last two; where tokens are not spread over all axes the other way round, so
    that both axes count. Those that share an expert's columns likewise, along theirs.

    `form`: "reversed": the mesh lists its axes in the other order; "further": it has axes of size
    1 that the kernel was not told of, before and after its own.
    """
    from jax.sharding import Mesh

    axes = package.axes
    tokens = axes if token_axes is None else tuple(token_axes)
    both = split != (len(tokens) < len(axes))
    shape: tuple[int, ...] = ()
    for group, count in package.axis_groups:
        tail = (2, count // 2) if both and len(group) > 1 and count % 2 == 0 else (count,)
        shape += (1,) * (len(group) - len(tail)) + tail
    grid, names = np.array(devices[: package.devices]).reshape(shape), axes
    if form == "reversed":
        # JAX 0.10 keeps one axis environment for meshes of equal axis sizes, whatever their order,
        # and its interpreter numbers devices by it: an axis of its own tells this one apart.
        grid, names = grid.transpose()[None], ("first_one", *reversed(axes))
    elif form == "further":
        grid, names = grid[None, ..., None], ("outer_one", *axes, "inner_one")
    (experts, _), *inner = package.axis_groups
    columns = inner[0][0] if inner else ()
    return Placement(Mesh(grid, names), tokens, experts, columns)
