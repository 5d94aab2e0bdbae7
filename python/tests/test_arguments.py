"""The arguments of a call: order, shapes, and where they lie on each form of mesh."""

from __future__ import annotations

from typing import Any

import pytest

from moegen_worker.package import arguments

ROUTED = {"where": "kernel", "scoring": "sigmoid", "correctionBias": True}
EVERYTHING = {
    "routing": ROUTED,
    "biases": True,
    "sharedExperts": {"count": 2, "intermediate": 64, "gate": "sigmoid"},
}


class Package:
    experts, hidden, intermediate, top_k = 8, 256, 384, 2
    # No experts of zero weights, and no ids without an expert.
    held_experts = ids = experts
    ep, axes, dtype = 4, ("data", "tensor"), "bfloat16"
    tp, devices, axis_groups = 1, 4, ((axes, 4),)


def shapes(**layer: Any) -> dict[str, tuple[int, ...]]:
    return {a.name: a.shape for a in arguments.of(Package(), {**EVERYTHING, **layer}, 6)}


def test_everything_fused() -> None:
    assert list(shapes().items()) == [
        ("tokens", (6, 256)),
        ("w1", (8, 2, 256, 384)),
        ("w2", (8, 384, 256)),
        ("b1", (8, 2, 384)),
        ("b2", (8, 256)),
        ("gating_output", (6, 8)),
        ("correction_bias", (8,)),
        ("shared_w1", (256, 128)),
        ("shared_w2", (128, 256)),
        ("shared_w3", (256, 128)),
        ("shared_gate", (256,)),
    ]


def test_separate_has_up_last_and_given_routing_has_no_logits() -> None:
    found = shapes(weights="separate", routing={"where": "given"}, sharedExperts=None)
    names = ["tokens", "w1", "w2", "w3", "b1", "b2", "b3", "topk_weights", "topk_ids"]
    assert list(found) == names
    assert found["b3"] == (8, 384)
    assert found["topk_ids"] == (6, 2)


def test_side_by_side_is_twice_as_wide() -> None:
    found = shapes(weights="side_by_side")
    assert (found["w1"], found["b1"]) == ((8, 256, 768), (8, 768))


@pytest.mark.parametrize(
    ("form", "names", "sizes"),
    [
        ("plain", ("data", "tensor"), (2, 2)),
        ("reversed", ("first_one", "tensor", "data"), (1, 2, 2)),
        ("further", ("outer_one", "data", "tensor", "inner_one"), (1, 2, 2, 1)),
    ],
)
def test_meshes(form: str, names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    import jax

    place = arguments.place(Package(), jax.devices(), split=True, form=form)
    assert place.mesh.axis_names == names
    assert tuple(place.mesh.shape.values()) == sizes


def test_token_axes_that_are_not_all_are_two_devices_wide() -> None:
    import jax

    place = arguments.place(Package(), jax.devices(), token_axes=("data",))
    assert dict(place.mesh.shape) == {"data": 2, "tensor": 2}
    tokens, w1 = arguments.of(Package(), EVERYTHING, 6)[:2]
    assert place.sharding(tokens).shard_shape(tokens.shape) == (3, 256)
    assert place.sharding(w1).shard_shape(w1.shape) == (2, 2, 256, 384)
    # Rows that do not divide come in whole.
    odd = arguments.of(Package(), EVERYTHING, 7)[0]
    assert place.sharding(odd).shard_shape(odd.shape) == odd.shape


class Cut(Package):
    """Two devices share each expert's columns."""

    ep, tp, axes = 2, 2, ("data", "tensor")
    axis_groups = ((("data",), 2), (("tensor",), 2))


@pytest.mark.parametrize("form", ["plain", "reversed", "further"])
def test_columns_of_an_expert_are_cut_where_devices_share_it(form: str) -> None:
    import jax

    quantization = {"weights": "int8", "granularity": {"kind": "sub_channel", "block": 32}}
    layer = {**EVERYTHING, "quantization": {**quantization, "scales": "float32"}}
    place = arguments.place(Cut(), jax.devices(), form=form)
    found = {a.name: place.sharding(a).shard_shape(a.shape) for a in arguments.of(Cut(), layer, 8)}
    assert found["w1"] == (4, 2, 256, 192)
    assert found["w2"] == (4, 192, 256)
    assert found["w1_scale"] == (4, 2, 8, 1, 192)
    assert found["w2_scale"] == (4, 6, 1, 256)
    assert (found["b1"], found["b2"]) == ((4, 2, 192), (4, 256))
    # Over all four of them.
    assert found["tokens"] == (2, 256)
    one = {
        **layer,
        "quantization": {**quantization, "granularity": "per_channel", "scales": "float32"},
    }
    scales = next(a for a in arguments.of(Cut(), one, 8) if a.name == "w2_scale")
    assert place.sharding(scales).shard_shape(scales.shape)[1:] == scales.shape[1:]


@pytest.mark.parametrize(("count", "columns"), [(2, 128), (8, 128)])
def test_shared_columns_are_cut_where_each_device_has_whole_lanes(count: int, columns: int) -> None:
    import jax

    shared = {"count": count, "intermediate": 64}
    layer = {**EVERYTHING, "sharedExperts": shared}
    place = arguments.place(Package(), jax.devices())
    found = {
        a.name: place.sharding(a).shard_shape(a.shape) for a in arguments.of(Package(), layer, 8)
    }
    assert (found["shared_w1"], found["shared_w2"]) == ((256, columns), (columns, 256))
