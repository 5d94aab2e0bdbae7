"""The compiler's count of slots beside the bundles, and the matrix instructions in them."""

from __future__ import annotations

from pathlib import Path

from moegen_worker.compiler import bundles, slots

UTILIZATION = """\
== CAPACTIY:
MXU, XLU, VALU, VPOP, EUP, VLOAD, VLOAD:FILL, VSTORE, VSTORE:SPILL, SALU
    2     2     4     2     1     3     3     2     2     2
== UTILIZATION:
0 0 0 0 0 1 0 0 0 1
2 0 3 0 0 2 1 0 0 0
2 0 0 1 0 1 0 1 1 0
0 0 0 0 0 0 0 0 0 2
"""

BUNDLES = """\
     0   :  { %1 = vtrace 1 /* TraceMeStart(work) [ */  ;;  %s1 = smov 0 }
   0x1 LB: > { %v1 = vld [vmem:[%s1]]  ;;  %2 = vmatprep.subr.bf16.mxu0 %v1  ;;  %3 = vmatpush1.bf16.msra.mxu1 %v1 }
   0x2   : > { %4 = vmatprep.mubr.bf16.mxu0 %v1  ;;  %5 = vmatmul.mubr.f32.gmra.mxu1 %v1  ;;  %v6 = vpop.f32.mrf.mxu0  ;;  %p = scmp.ge.s32.totalorder %s1, 24 /* loop exit test */ }
   0x3   :  { %7 = sbr.rel (!%p) target = $region  ;;  %8 = dma.done.wait [#allocation1], 4  ;;  %9 = vtrace 2 /* ] TraceMeEnd(work) */ }
"""  # noqa: E501


def test_reads_capacities_and_uses() -> None:
    used = slots.parse_utilization(UTILIZATION)
    assert used is not None
    assert (used.matrix_units, used.capacity["load"], used.capacity["store"]) == (2, 3, 2)
    assert used.bundles[1] == {"vector_alu": 3, "load": 2, "fill": 1}
    assert used.bundles[2] == {"pop": 1, "load": 1, "store": 1, "spill": 1}


def test_refuses_another_form_of_the_file() -> None:
    assert slots.parse_utilization("") is None
    assert slots.parse_utilization(UTILIZATION.replace("VALU", "VECTOR")) is None
    assert slots.parse_utilization(UTILIZATION.replace("0 0 0 0 0 0 0 0 0 2", "0 0")) is None


def test_regions_add_up_uses_by_scope_and_loop() -> None:
    schedule = bundles.parse(BUNDLES.splitlines(), slots.parse_utilization(UTILIZATION))
    profile = schedule.profile_json()
    assert profile["machine"]["matrixUnits"] == 2
    assert profile["loops"] == [{"parent": None, "scope": "work", "trips": 24}]
    outside, inside = profile["regions"]
    assert (outside["loop"], inside["loop"]) == (None, 0)
    assert (outside["bundles"], inside["bundles"]) == (2, 2)
    assert outside["slots"] == {"load": 1, "scalar": 3, "waits": 1}
    assert inside["slots"] == {
        **{"push": 2, "multiply": 1, "multiply_f32": 1, "matrix_pop": 1},
        **{"vector_alu": 3, "load": 3, "fill": 1, "pop": 1, "store": 1, "spill": 1},
    }


def test_counts_of_other_bundles_are_left_out() -> None:
    shorter = slots.parse_utilization(UTILIZATION.rsplit("\n", 2)[0])
    assert shorter is not None
    schedule = bundles.parse(BUNDLES.splitlines(), shorter)
    assert schedule.machine is None
    assert all("scalar" not in region.slots for region in schedule.regions)
    # What is read from the instructions stands.
    assert schedule.regions[1].slots["push"] == 2


def test_a_late_copy_does_not_end_a_loop() -> None:
    lines = [
        "     0   :  { %s1 = smov 0 }",
        "   0x1 LB: > { %v1 = vld [vmem:[%s1]] }",
        "   0x2   :  { %s2 = smov (%p1), 0 /* copy for cssa */ }",
        "   0x3   : > { %v3 = vld [vmem:[%s1]] }",
        "   0x4   :  { %4 = sbr.rel (!%p1) target = $region }",
        "   0x5 LB: > { %v5 = vld [vmem:[%s1]] }",
    ]
    first, second = bundles.parse(lines).loops
    assert (first.bundles, second.bundles) == (3, 1)


def test_finds_the_file_of_the_same_kernel(tmp_path: Path) -> None:
    for kernel in ("other", "work"):
        text = UTILIZATION if kernel == "work" else "nothing"
        name = f"17-{kernel}-00-final_hlo-static-per-bundle-utilization.txt"
        (tmp_path / name).write_text(text)
    file = tmp_path / "17-work-02-final_bundles.txt"
    file.write_text(BUNDLES)
    assert bundles.parse_file(file).machine is not None
