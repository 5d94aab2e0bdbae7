"""Validation of the hand-made package: right as it is, and found out when it is broken."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from moegen_worker.ops import validate
from moegen_worker.package import loading as packages
from moegen_worker.wire.errors import OpError

LAYER = {
    "topK": 2,
    "activation": "silu",
    "routing": {
        "where": "kernel",
        "scoring": "softmax",
        "renormalize": True,
        "scalingFactor": 1.0,
    },
}


def run(folder: Path, *cases: str, tokens: int = 32, **layer: Any) -> dict[str, dict[str, Any]]:
    events: list[tuple[str, dict[str, Any]]] = []
    of = {**LAYER, **layer}
    params = {"package": str(folder), "layer": of, "tokens": [tokens], "cases": list(cases)}
    result = validate.run(params, lambda event, **fields: events.append((event, fields)))
    finished = [fields for event, fields in events if event == "case"]
    assert finished == result["cases"]
    return {case["case"]: case for case in finished}


def test_every_case_passes(tiny: Path) -> None:
    found = run(tiny)
    assert {name for name, case in found.items() if not case["ok"]} == set()
    assert {"reference", "uniform", "ties", "one-token", "two-calls", "odd"} <= set(found)
    assert max(case["error"] for case in found.values()) < 1e-5


def test_a_removed_wait_is_found(broken: Any) -> None:
    folder = broken(
        "no_wait", "            send.wait()  # reduce_sums wait\n", "            pass\n"
    )
    case = run(folder, "uniform")["uniform"]
    assert not case["ok"]
    # On wait means never without one: what was not copied reads as NaN, or as a race.
    failure = case["failure"]
    assert failure.get("races") or failure["worst"]["nanTokens"] > 0


def test_a_false_promise_is_found(broken: Any) -> None:
    # Own sums are those of device `me`, odd ones too.
    old = "        parts[me] = acc[me]\n"
    new = "        parts[me] = acc[pl.multiple_of(me, 2)]\n"
    assert not run(broken("promise", old, new), "uniform")["uniform"]["ok"]


def test_a_race_is_reported_with_its_place(broken: Any) -> None:
    wait = "        local.wait()\n        for send in sends:\n            send.wait()  # gather_rows wait\n"
    early = "        rows[me] = x[...]\n" + wait
    case = run(broken("race", wait, early), "uniform")["uniform"]
    assert not case["ok"]
    assert "data race" in case["failure"]["message"]
    assert "kernel.py" in " ".join(case["failure"]["races"])


def test_a_wrong_result_names_token_and_expert(broken: Any) -> None:
    # Expert 1 of the last device (expert 7) is weighted twice.
    old = "                acc[peer] += weight * dot(hidden, w2_tile[...])\n"
    new = (
        "                doubled = jnp.where((me == EP_SIZE - 1) & (e == 1), 2.0, 1.0)\n"
        "                acc[peer] += doubled * weight * dot(hidden, w2_tile[...])\n"
    )
    case = run(broken("doubled", old, new), "hot-device")["hot-device"]
    assert not case["ok"]
    worst = case["failure"]["worst"]
    assert worst["expert"] == 7
    assert worst["nanTokens"] == 0


def test_a_tokens_bits_are_the_same_in_any_call(tiny: Path) -> None:
    assert run(tiny, "alone", deterministic=True)["alone"]["ok"]


def test_own_sums_that_are_taken_otherwise_are_found(broken: Any) -> None:
    # Two experts a token: in the order of two sums there is no difference.
    old = "        parts[me] = acc[me]\n"
    folder = broken("own", old, "        parts[me] = acc[me] * (1 + 2.0**-22)\n")
    found = run(folder, "uniform", "alone", deterministic=True)
    # As exact as float32 is: no bound sees it.
    assert found["uniform"]["ok"]
    assert not found["alone"]["ok"]
    assert "elsewhere" in found["alone"]["failure"]["message"]
    assert "of 256 columns have other bits" in found["alone"]["failure"]["message"]


def test_bits_are_asked_of_deterministic_kernels_alone(tiny: Path) -> None:
    with pytest.raises(OpError, match="'alone' needs a kernel that is deterministic"):
        run(tiny, "alone")


def test_wrong_ids_are_found(broken: Any) -> None:
    old = "    weights, ids = lax.top_k(scores, TOP_K)\n"
    new = "    weights, ids = lax.top_k(scores[:, ::-1], TOP_K)\n    ids = NUM_EXPERTS - 1 - ids\n"
    case = run(broken("last_tie", old, new), "ties")["ties"]
    assert not case["ok"]
    assert case["failure"]["routing"]["problem"] == "ids"


def test_an_out_of_bounds_read_is_found(broken: Any, tiny: Path) -> None:
    old = "pltpu.make_async_copy(w1.at[e], w1_tile, weight_sems.at[0]),"
    new = "pltpu.make_async_copy(w1.at[e + 1], w1_tile, weight_sems.at[0]),"
    case = run(broken("beyond", old, new), "uniform")["uniform"]
    assert "Out-of-bounds" in case["failure"]["outOfBounds"]
    # Nothing of the failure is left for the next kernel.
    assert run(tiny, "uniform")["uniform"]["ok"]


def test_a_semaphore_left_over_is_found(broken: Any) -> None:
    old = "        local.wait()\n"
    new = old + "        pl.semaphore_signal(weight_sems.at[0], 1)\n"
    wait = broken("left_over", old, new)
    case = run(wait, "uniform")["uniform"]
    assert not case["ok"]


def test_a_wrong_reference_is_found(broken: Any) -> None:
    old = "jax.nn.silu(gate) * up, w2_e"
    new = "jax.nn.gelu(gate) * up, w2_e"
    folder = broken("wrong_reference", old, new, file="reference.py")
    case = run(folder, "reference")["reference"]
    assert not case["ok"]
    assert "reference" in case["failure"]["message"]


def test_a_kernel_that_does_not_trace_is_a_failed_case(broken: Any) -> None:
    old = "    acc[...] = jnp.zeros(acc.shape, jnp.float32)\n"
    case = run(broken("untraceable", old, "    nonsense\n"), "uniform")["uniform"]
    assert not case["ok"]
    assert "nonsense" in case["failure"]["error"]


@pytest.mark.parametrize("seed", [0, 7])
def test_seeds_change_inputs_not_verdicts(tiny: Path, seed: int) -> None:
    params = {"package": str(tiny), "layer": LAYER, "tokens": [8], "cases": ["uniform"]}
    result = validate.run({**params, "seed": seed}, lambda event, **fields: None)
    assert result["cases"][0]["ok"]
    assert result["cases"][0]["seed"] == seed


def test_a_package_without_a_reference_loads_and_cannot_be_validated(
    tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(tiny, folder)
    (folder / "reference.py").unlink()
    init = folder / "__init__.py"
    lines = init.read_text().splitlines()
    init.write_text("\n".join(line for line in lines if "reference" not in line))
    assert packages.load(folder).reference is None
    with pytest.raises(OpError, match="no reference to compare with"):
        run(folder, "uniform")
