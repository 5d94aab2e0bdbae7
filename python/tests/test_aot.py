"""Which slice a kernel is compiled for, by what the compiler says of the smaller ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from moegen_worker.compiler import aot
from moegen_worker.wire.errors import OpError

SLICES = [{"name": "v6e:2x2", "devices": 4}, {"name": "v6e:2x4", "devices": 8}]
NO_PART = (
    "JaxRuntimeError: INTERNAL: RET_CHECK failure (net_util.cc:3355) "
    "total_device_count % num_participants_per_group == 0 "
)
# Of a kernel, as memory space assignment raised it.
OWN = "JaxRuntimeError: INTERNAL: RET_CHECK failure (msa.cc:812) allocation != nullptr "


class Package(NamedTuple):
    devices: int


def compiled(monkeypatch: pytest.MonkeyPatch, said: dict[str, str | None], ep: int) -> Any:
    """The answer, and the slices that were tried; `said`: the failure on each."""
    tried: list[str] = []

    def compile_on(name: str, *_: Any) -> dict[str, Any]:
        tried.append(name)
        message = said[name]
        failed = {} if message is None else {"failure": {"kind": "compiler", "message": message}}
        return {"topology": name, "fits": message is None, **failed}

    monkeypatch.setattr(aot, "_compile_on", compile_on)
    return aot.compile_kernel(Package(ep), {}, SLICES, 64), tried  # type: ignore[arg-type]


def test_a_slice_without_such_a_part_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    result, tried = compiled(monkeypatch, {"v6e:2x2": NO_PART, "v6e:2x4": None}, 3)
    assert (result["fits"], tried) == (True, ["v6e:2x2", "v6e:2x4"])


def test_another_check_of_the_compiler_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    result, tried = compiled(monkeypatch, {"v6e:2x2": OWN, "v6e:2x4": OWN}, 4)
    assert result["failure"]["message"] == OWN
    assert tried == ["v6e:2x2"]


def test_what_no_slice_takes_is_told_as_the_compiler_did(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OpError, match="6 devices as a part of none of v6e:2x4: .*RET_CHECK") as it:
        compiled(monkeypatch, {"v6e:2x4": NO_PART}, 6)
    assert it.value.code == "TOPOLOGY"


def test_what_goes_to_the_sparse_core_is_named() -> None:
    """A gather of a few rows from a large table does on v7x; the same rows from a small one do not."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import SingleDeviceSharding

    place = SingleDeviceSharding(aot.topology("tpu7x:2x2x1").devices[0])

    def look_up(table: Any, rows: Any) -> Any:
        with jax.named_scope("rows_of_tokens"):
            return table[rows] * 2

    found = {}
    for length in (65536, 2048):
        table = jax.ShapeDtypeStruct((length, 256), jnp.bfloat16, sharding=place)
        rows = jax.ShapeDtypeStruct((2048,), jnp.int32, sharding=place)
        found[length] = aot.offloads(jax.jit(look_up).lower(table, rows).compile().as_text())
    assert found == {65536: ["jit(look_up)/rows_of_tokens/gather"], 2048: []}


def test_the_program_is_compiled_as_the_package_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of T tokens keep off the SparseCore what goes there without."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import SingleDeviceSharding

    table = jax.ShapeDtypeStruct((65536, 256), jnp.bfloat16)
    rows = jax.ShapeDtypeStruct((2048,), jnp.int32)

    class Placement(NamedTuple):
        sharding: SingleDeviceSharding
        mesh: None = None

        def struct(self, shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=self.sharding)

    class Looking:
        kernel = property(lambda self: self)

        def fused_ep_moe(self, _: None, table: Any, rows: Any) -> Any:
            return table[rows] * 2

        def compiler_options(self, tokens: int) -> dict[str, bool]:
            off = ("xla_tpu_offload_gather_to_sparsecore",)
            off += ("xla_tpu_offload_all_supported_gathers_to_sparsecore",)
            return dict.fromkeys(off, False) if tokens <= 64 else {}

    def place(_: Any, devices: Any, __: Any) -> Placement:
        return Placement(SingleDeviceSharding(devices[0]))

    # What is asked of a package here.
    package: Any = Looking()
    monkeypatch.setattr(aot.arguments, "place", place)
    monkeypatch.setattr(aot.arguments, "of", lambda *_: [table, rows])

    def offloads(tokens: int) -> list[str]:
        result = aot._compile_on("tpu7x:2x2x1", package, {}, tokens, None)
        assert result["fits"], result
        return list(result["offloads"])

    assert offloads(65) != []
    assert offloads(64) == []
