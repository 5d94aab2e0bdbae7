"""Mutants of arithmetic: made by rule from every kind of kernel, and those that once survived."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moegen_worker.mutants import extents, make, trial
from moegen_worker.mutants.mutant import ARITHMETIC
from moegen_worker.wire.errors import OpError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "generated" / "qwen3_30b_a3b"
# What a kernel without quantised weights and biases has no place for.
WITH_WEIGHTS = {"scale", "bias"}


@pytest.fixture(scope="module")
def of(explained: Callable[[str], dict[str, Any]]) -> Callable[[str], list[Any]]:
    """The mutants of an example's package."""

    def made(example: str) -> list[Any]:
        plan = explained(example)
        folder = ROOT / "generated" / example.replace("-", "_").replace(".", "_")
        kernel = plan["kernels"][0]
        return make.mutants(folder, kernel, plan["layer"], families=("arithmetic",))

    return made


@pytest.fixture(scope="module")
def found(of: Callable[[str], list[Any]]) -> list[Any]:
    return of("qwen3-30b-a3b")


def test_every_kind_is_made(found: list[Any]) -> None:
    assert {m.kind for m in found} == set(ARITHMETIC) - WITH_WEIGHTS
    assert {m.family for m in found} == {"arithmetic"}
    assert len({m.id for m in found}) == len(found)


@pytest.mark.parametrize("example", ["gpt-oss-120b-fp4", "deepseek-v3-fp8"])
def test_scales_and_biases_are_where_there_are_any(
    of: Callable[[str], list[Any]], example: str
) -> None:
    assert {m.kind for m in of(example)} == set(ARITHMETIC)


def test_each_changes_the_source_where_it_says(found: list[Any]) -> None:
    whole = make.unchanged(PACKAGE).texts
    for mutant in found:
        assert mutant.texts != whole, mutant.id
        lines = (PACKAGE / mutant.file).read_text("utf-8").splitlines()
        assert 1 <= mutant.line <= len(lines), mutant.id
        for text in mutant.texts.values():
            compile(text, mutant.id, "exec")


def test_the_host_is_left_as_it_is(of: Callable[[str], list[Any]]) -> None:
    for example in ("qwen3-30b-a3b", "grok-2-fp8"):
        folder = ROOT / "generated" / example.replace("-", "_")
        lines = (folder / "kernel.py").read_text("utf-8").splitlines()
        heads = [n for n, line in enumerate(lines, 1) if line.startswith("def ")]
        first = next(n for n in heads if "_kernel(" in lines[n - 1])
        after = next(n for n in heads if n > first)
        here = {m.line for m in of(example) if m.file == "kernel.py"}
        assert here and all(first < line < after for line in here)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("accumulation", "`entries_before + jnp.dot("),
        ("offset", "`first_token + chunk * s.chunk` as `(first_token)`"),
        ("offset", "`chunk * s.chunk + token` as `(chunk * s.chunk)`"),
        ("order", "`logits - jnp.max(logits, axis=0, keepdims=True)` as `logits`"),
        ("order", "`weight / total`"),
        ("rounding", "`low.astype(DTYPE)` as `truncated(low, DTYPE)`"),
        ("accumulation", "as `narrow(jnp.dot(left, right"),
        ("accumulation", "token_sums rounded to bfloat16"),
        ("last", "`pl.cdiv(count, ROW_GROUP)`"),
        ("part", "`r.gate_up_tiles[slot, 0]` with `1`"),
        ("mask", "`(expert == chosen) & valid`"),
    ],
)
def test_what_once_survived_is_among_them(found: list[Any], kind: str, what: str) -> None:
    assert any(m.kind == kind and what in m.what for m in found)


def test_what_would_be_the_same_is_not(of: Callable[[str], list[Any]], found: list[Any]) -> None:
    # A softmax that is made to add up to 1 afterwards.
    assert not any("exponentials / " in m.what for m in found)
    assert any("exponentials / " in m.what for m in of("qwen2-57b-a14b"))
    # With a cap on the logits nothing can overflow.
    assert not any("jnp.max(logits" in m.what for m in of("grok-2"))
    # A wait for the copy of the same slot: it takes the size alone. Another slot's is another.
    assert not any("`chunk - 2` as `(chunk)`" in m.what for m in found)
    assert any("`chunk - 2` as `- (2)`" in m.what for m in found)


def test_padded_experts_are_masked_again_where_a_bias_is_added(
    explained: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, folder)
    routing = folder / "routing.py"
    text, scores = routing.read_text("utf-8"), "    ids, weights = [], []\n"
    assert text.count(scores) == 1
    masked = "    candidates = jnp.where(expert < NUM_EXPERTS, candidates, -jnp.inf)\n"
    routing.write_text(text.replace(scores, masked + scores), "utf-8")
    plan = explained("qwen3-30b-a3b")
    layer = plan["layer"]
    biased = {**layer, "routing": {**layer["routing"], "correctionBias": True}}
    for given, wanted in ((layer, 0), (biased, 3)):
        made = make.mutants(folder, plan["kernels"][0], given, families=("arithmetic",))
        assert len([m for m in made if "expert < NUM_EXPERTS" in m.what]) == wanted


def test_equal_values_are_either_where_one_of_two_is_chosen() -> None:
    def limit(text: str) -> bool:
        choice = ast.parse(text, mode="eval").body
        assert isinstance(choice, ast.Call) and isinstance(choice.args[0], ast.Compare)
        return extents._takes_either(choice.args[0], choice)

    assert limit("jnp.where(total < FLOOR, FLOOR, total)")
    assert not limit("jnp.where(total < FLOOR, 0.0, total)")


DETERMINISTIC = """import { moe } from "moegen";
export default moe({
  name: "exact",
  layer: { experts: 8, topK: 2, hidden: 256, intermediate: 128, activation: "silu",
    dtype: "float32", deterministic: true, routing: { scoring: "softmax", renormalize: true } },
  mesh: { ep: EP },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 128, bd: 256 } } },
});
"""


@pytest.mark.parametrize("ep", [4, 16])
def test_a_deterministic_kernel_has_one_that_adds_from_the_own_device_on(
    ep: int, tmp_path: Path, explained: Callable[[str], dict[str, Any]]
) -> None:
    spec = tmp_path / "exact.moe.ts"
    spec.write_text(DETERMINISTIC.replace("EP", str(ep)).replace("experts: 8", "experts: 16"))
    main = str(ROOT / "dist" / "cli" / "main.js")
    build = ["node", main, "build", str(spec), "--out", str(tmp_path)]
    subprocess.run(build, capture_output=True, check=True)
    plan = explained(str(spec))
    folder, kernel = tmp_path / "exact", plan["kernels"][0]
    made = make.mutants(folder, kernel, plan["layer"], families=("arithmetic",))
    orders = [m for m in made if (m.kind, m.change) == ("order", "swapped")]
    assert [m.file for m in orders] == ["transport.py"]
    text = orders[0].texts["transport.py"]
    # Both of the first device and of those that follow it.
    for device in ("0", "device"):
        assert text.count(f"me == (me + {device}) % EP_SIZE") == 1
        assert text.count(f"arrived_sums[(me + {device}) % EP_SIZE,") == 1


class Counted:
    """A bench whose kernel without a fault starts 98 copies and passes, or not."""

    copies: int | None = None

    def __init__(self, ok: bool = True) -> None:
        self.ok, self.runs = ok, 0

    def on(self, _: object) -> Counted:
        return self

    def run(self, *_: object) -> dict[str, Any]:
        self.copies, self.runs = 98, self.runs + 1
        return {"ok": self.ok, "failure": {} if self.ok else {"message": "off"}}

    def close(self) -> None:
        pass


def test_more_copies_than_without_the_fault_are_too_many() -> None:
    attempt = next(trial.Trials(32, 4, 0).first())
    counted: Any = Counted()
    control = trial.Control(counted, counted)
    assert control.exceeded(attempt, 104) == "104 copies, 98 without the fault"
    assert [control.exceeded(attempt, n) for n in (98, 90, None)] == ["", "", ""]
    assert (counted.runs, len(control)) == (1, 1)


def test_what_fails_the_kernel_without_a_fault_catches_nothing() -> None:
    wrong: Any = Counted(ok=False)
    right: Any = Counted()
    attempts = trial.Trials(32, 4, 0).first
    assert trial.tried(wrong, wrong, attempts(), trial.Control(right, right), most=False)["caught"]
    with pytest.raises(OpError, match="the kernel without a fault fails: off"):
        trial.tried(wrong, wrong, attempts(), trial.Control(wrong, wrong), most=False)
