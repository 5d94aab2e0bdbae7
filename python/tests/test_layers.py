"""A package of several kinds of layers, called by layer index: right, or refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moegen_worker.package import loading
from moegen_worker.simulate import interpreter

ROOT = Path(__file__).parents[2]
EXPERTS, TOP_K, HIDDEN, TOKENS = 8, 2, 256, 21
WIDTHS = {0: 128, 1: 256, 2: 128}

SPEC = """
import { moe } from "moegen";

const layer = (intermediate: number, routing: object) => ({
  experts: 8,
  topK: 2,
  hidden: 256,
  intermediate,
  activation: "silu" as const,
  routing: routing as never,
});

export default moe({
  name: "two_kinds",
  layers: {
    given: { at: { from: 0, to: 2, step: 2 }, layer: layer(128, { where: "given" }) },
    scored: { at: [1], layer: layer(256, { scoring: "softmax", renormalize: true }) },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: {
    kind: "gather",
    tiles: { all: { upTo: 256, bt: 16, bf: 128, bd: 256 } },
  },
});
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    """Where the command line builds the package."""
    path = tmp_path_factory.mktemp("layers")
    spec = path / "two-kinds.moe.ts"
    spec.write_text(SPEC)
    command = ["node", "dist/cli/main.js", "build", spec, "--out", path / "made"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Path(path) / "made"


@pytest.fixture(scope="module")
def moe(folder: Path) -> Any:
    sys.path.insert(0, str(folder))
    interpreter.quicken()
    import two_kinds

    yield two_kinds
    sys.path.remove(str(folder))


def _mesh() -> Any:
    import jax
    from jax.sharding import Mesh

    return Mesh(np.array(jax.devices()[:4]).reshape(1, 4), ("data", "tensor"))


def _weights(layer: int) -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp

    first, second = jax.random.split(jax.random.key(layer))
    width = WIDTHS[layer]
    w1 = jax.random.normal(first, (EXPERTS, 2, HIDDEN, width), jnp.float32) * HIDDEN**-0.5
    w2 = jax.random.normal(second, (EXPERTS, width, HIDDEN), jnp.float32) * width**-0.5
    return w1.astype(jnp.bfloat16), w2.astype(jnp.bfloat16)


def _routing(layer: int) -> tuple[Any, ...]:
    """Logits of layer 1; ids and weights of the others, some out of range."""
    import jax
    import jax.numpy as jnp

    if layer == 1:
        return (jax.random.normal(jax.random.key(10), (TOKENS, EXPERTS), jnp.float32),)
    first, second = jax.random.split(jax.random.key(20 + layer))
    weights = jax.random.uniform(first, (TOKENS, TOP_K), jnp.float32)
    ids = jax.random.randint(second, (TOKENS, TOP_K), 0, EXPERTS, jnp.int32)
    return weights, ids.at[0].set(jnp.array([-1, 2**31 - 1]))


def test_layers_of_both_kinds_follow_each_other_in_one_program(moe: Any) -> None:
    import jax
    import jax.numpy as jnp
    from jax.experimental.pallas import tpu as pltpu

    mesh = _mesh()
    arrays = [(*_weights(layer), *_routing(layer)) for layer in WIDTHS]
    tokens = jax.random.normal(jax.random.key(30), (TOKENS, HIDDEN), jnp.float32)
    tokens = tokens.astype(jnp.bfloat16)
    interpret = pltpu.InterpretParams(detect_races=True)

    @jax.jit
    def run(tokens: Any, arrays: Any) -> Any:
        rows = tokens
        for layer in WIDTHS:
            added = moe.fused_ep_moe(layer, mesh, rows, *arrays[layer], interpret=interpret)
            rows = rows + added
        return rows

    got = np.asarray(run(tokens, arrays), np.float32)
    rows = np.asarray(tokens, np.float32)
    for layer in WIDTHS:
        at = jnp.asarray(rows).astype(jnp.bfloat16)
        added = np.asarray(moe.reference_moe(layer, at, *arrays[layer]), np.float32)
        rows = np.asarray(at, np.float32) + added
    assert np.abs(rows - np.asarray(tokens, np.float32)).max() > 0.5
    assert np.abs(got - rows).max() / np.abs(rows).max() < 2e-2


def test_a_layer_has_the_kind_of_its_index(moe: Any) -> None:
    assert moe.LAYERS == {0: "given", 2: "given", 1: "scored"}
    assert [moe.kind_of(layer) for layer in range(3)] == ["given", "scored", "given"]
    assert moe.KINDS["given"].__name__ == "two_kinds.given"


@pytest.mark.parametrize("layer", [-1, 3, 10**9])
def test_a_layer_that_the_model_lacks_is_refused_by_name(moe: Any, layer: int) -> None:
    expected = rf"^layer: expected one with experts \(0 to 2\), got {layer}$"
    with pytest.raises(ValueError, match=expected):
        moe.fused_ep_moe(layer, _mesh(), None)
    with pytest.raises(ValueError, match=expected):
        moe.reference_moe(layer, None)


def test_an_index_is_a_python_int(moe: Any) -> None:
    import jax

    for layer in (True, 1.0, "1", None, np.int32(1)):
        with pytest.raises(ValueError, match="^layer: expected a Python int, got "):
            moe.kind_of(layer)
    with pytest.raises(ValueError, match="^layer: expected a Python int, got .*Tracer"):
        jax.jit(moe.kind_of)(1)


def test_what_a_kind_refuses_is_refused(moe: Any) -> None:
    import jax.numpy as jnp

    mesh, tokens = _mesh(), jnp.zeros((TOKENS, HIDDEN), jnp.bfloat16)
    with pytest.raises(TypeError, match="topk_ids"):
        moe.fused_ep_moe(0, mesh, tokens, *_weights(0), _routing(0)[0])
    with pytest.raises(ValueError, match=r"^w1: expected shape \(8, 2, 256, 256\)"):
        moe.fused_ep_moe(1, mesh, tokens, *_weights(0), *_routing(1))
    with pytest.raises(ValueError, match="^tiles: expected Tiles"):
        tiles = moe.KINDS["given"].select_tiles(None, TOKENS)
        moe.fused_ep_moe(1, mesh, tokens, *_weights(1), *_routing(1), tiles=tiles)


def test_what_the_kinds_have_alike_is_there_once(moe: Any, folder: Path) -> None:
    root = folder / "two_kinds"
    assert (root / "common" / "topology.py").is_file()
    assert not list(root.glob("[gs]*/topology.py"))
    given, scored = (sys.modules[f"two_kinds.{kind}.kernel"] for kind in ("given", "scored"))
    # Meshes that were interpreted are remembered once for both.
    assert given.check_interpreter is scored.check_interpreter


def test_the_worker_loads_a_kind_from_the_package_of_all(folder: Path) -> None:
    for kind, width in (("given", 128), ("scored", 256)):
        package = loading.load(folder / "two_kinds" / kind)
        assert package.name == f"two_kinds.{kind}"
        assert (package.intermediate, package.experts, package.ep) == (width, EXPERTS, 4)
        assert package.topology is not None and package.reference is not None
