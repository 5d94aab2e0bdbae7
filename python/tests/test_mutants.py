"""Mutants of the Qwen3 kernel: each tied to the plan and to its line, and none the same program."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moegen_worker.mutants import make
from moegen_worker.mutants.mutant import CHANGES, SYNC
from moegen_worker.ops.mutants import chosen
from moegen_worker.simulate.order import of_seed
from moegen_worker.wire.errors import OpError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "generated" / "qwen3_30b_a3b"
LAYER = {"dtype": "bfloat16", "routing": {"scoring": "softmax", "renormalize": True}}
NAMED = {"sgl-jax-1024", "tpu-inference-1252", "tpu-inference-1342"}


@pytest.fixture(scope="module")
def plan(explained: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Of the example's first kernel."""
    return explained("qwen3-30b-a3b")["kernels"][0]


@pytest.fixture(scope="module")
def found(plan: dict[str, Any]) -> list[Any]:
    return make.mutants(PACKAGE, plan, LAYER, families=("sync",))


@pytest.fixture(scope="module")
def runs(explained: Callable[[str], dict[str, Any]]) -> tuple[dict[str, Any], list[Any]]:
    """A plan of the schedule `runs` on v7x, and the mutants of its synchronisation."""
    kernels = explained("mixtral-8x7b-runs")["kernels"]
    plan = next(kernel for kernel in kernels if kernel["device"] == "v7x")
    package = ROOT / "generated" / "mixtral_8x7b_runs"
    return plan, make.mutants(package, plan, LAYER, families=("sync",))


def test_every_kind_and_change_is_made(found: list[Any]) -> None:
    assert {m.kind for m in found} == set(SYNC)
    assert {m.change for m in found} == set(CHANGES)
    assert {m.id for m in found if m.named} == NAMED
    assert len({m.id for m in found}) == len(found)


def test_every_stream_and_semaphore_of_the_plan_is_hit(
    found: list[Any], plan: dict[str, Any]
) -> None:
    assert {name for m in found for name in m.streams} == {s["name"] for s in plan["streams"]}
    assert {name for m in found for name in m.semaphores} == {s["name"] for s in plan["semaphores"]}
    # For small T other stages take the place of some: each device routes the tokens of all.
    small = {"send_logits", "await_logits", "sort_all"}
    stages = {stage["name"] for stage in plan["stages"]} | small
    assert {m.stage for m in found} - {None} <= stages


def test_each_changes_the_source_where_it_says(found: list[Any]) -> None:
    whole = make.unchanged(PACKAGE).texts
    for mutant in found:
        assert mutant.texts != whole, mutant.id
        lines = (PACKAGE / mutant.file).read_text("utf-8").splitlines()
        assert 1 <= mutant.line <= len(lines), mutant.id
        for text in mutant.texts.values():
            compile(text, mutant.id, "exec")


def test_a_plan_that_says_otherwise_is_an_error(plan: dict[str, Any]) -> None:
    fewer = {**plan, "streams": plan["streams"][1:]}
    with pytest.raises(OpError, match="0 streams of the plan"):
        make.mutants(PACKAGE, fewer, LAYER)
    extra = {**plan["streams"][0], "name": "imagined", "source": "nowhere"}
    with pytest.raises(OpError, match="stream imagined: no "):
        make.mutants(PACKAGE, {**plan, "streams": [*plan["streams"], extra]}, LAYER)


def test_a_source_without_a_wait_is_an_error(plan: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, folder)
    path = folder / "kernel.py"
    text = path.read_text("utf-8")
    assert text.count("logits_in.wait()") == 1
    path.write_text(text.replace("logits_in.wait()", "pass"), "utf-8")
    with pytest.raises(OpError, match="no wait in the source"):
        make.mutants(folder, plan, LAYER)


def test_a_sample_has_the_named_ones_and_every_kind(found: list[Any]) -> None:
    picked = chosen(found, None, None, 12)
    assert len(picked) == 12
    assert {m.id for m in picked} >= NAMED
    assert {m.kind for m in picked} == set(SYNC)
    assert picked == chosen(found, None, None, 12)
    assert {m.kind for m in chosen(found, ["wait"], None, None)} == {"wait"}
    with pytest.raises(OpError, match="no mutant 'nothing'"):
        chosen(found, None, ["nothing"], None)


def test_nine_seeds_have_every_kind_of_order() -> None:
    kinds = {(order.devices, order.copies) for order in (of_seed(s, 4) for s in range(9))}
    assert len(kinds) == 9
    assert of_seed(4, 4) == of_seed(4, 4)


def test_copies_between_the_same_buffers_are_told_by_their_semaphores(
    runs: tuple[dict[str, Any], list[Any]],
) -> None:
    plan, found = runs
    hit = {name for m in found for name in m.streams}
    assert {"rows_out", "rows_handed", "sums_out", "sums_handed"} <= hit
    assert hit == {stream["name"] for stream in plan["streams"]}


def test_no_wait_is_moved_past_a_name_of_what_it_is_for(
    explained: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    text = (ROOT / "examples" / "qwen3-30b-a3b-ep1.moe.ts").read_text("utf-8")
    config = '"./configs/qwen3-30b-a3b.json"'
    assert config in text
    text = text.replace(config, f'"{ROOT / "examples" / "configs" / "qwen3-30b-a3b.json"}"')
    biased = "layer: { ...moe.fromHuggingFace(config), biases: true }"
    text = text.replace("layer: moe.fromHuggingFace(config)", biased)
    spec = tmp_path / "biased.moe.ts"
    spec.write_text(text, "utf-8")
    command = ["node", str(ROOT / "dist" / "cli" / "main.js"), "build", spec, "--out", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    package, plan = tmp_path / "qwen3_30b_a3b_ep1", explained(str(spec))["kernels"][0]
    assert "own._replace(down_biases=" in (package / "experts.py").read_text("utf-8")
    waits = [m for m in make.mutants(package, plan, LAYER, families=("sync",)) if m.kind == "wait"]
    moved = [mutant.what for mutant in waits if mutant.change in ("moved", "swapped")]
    assert moved and not [what for what in moved if "_replace" in what]


def test_no_guard_of_a_barrier_lets_all_devices_meet_once_more(
    runs: tuple[dict[str, Any], list[Any]],
) -> None:
    _, found = runs
    guards = [m for m in found if m.kind == "guard" and not m.semaphores]
    assert [(m.change, m.what) for m in guards] == [
        ("moved", "when `pass_index + 1 < s.passes` with its limit - 1")
    ]
