"""The bundle parser, on lines as the compiler writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from moegen_worker.compiler import bundles

TEXT = """\
= control target key start
LH: loop header
LB: loop body
= control target key end

     0   :  { %s20 = sld [smem:[#allocation13]]  ;;  %s1 = smov 0 } /* entry bundle */
   0x1   :  { %97 = vtrace 3087007744 /* TraceMeStart(gather) [ */ }
   0x2 LB: > { %v2 = vld [vmem:[%s3]] }
   0x3   : > { %298 = vst [vmem:[%s3]] /*vst_source=*/%v2  ;;  vdelay 7 }
   0x4   :  { %2810 = vtrace 3355443200 /* ] TraceMeEnd(gather) */ }
   0x5   :  {}
   0x6 LB: > { %646 = vtrace 3087007745 /* TraceMeStart(expert) [ */  ;;  %s3 = sphi %s4 }
   0x7 LB: >> { %v7 = vld [vmem:[%s7]] }
   0x8   :  { %4886 = vtrace 2818572288 }
   0x9   : > { %9 = vtrace 3087007746 /* TraceMeStart(inner) [ */ }
   0xa   : > { %v9 = vadd %v7, %v7 }
   0xb   : > { %11 = vtrace 3355443201 /* ] TraceMeEnd(inner) */ }
   0xc LB: >> { %v1 = vld [vmem:[%s7]] }
   0xd LB: >> { %v1 = vld [vmem:[%s7]] }
   0xe   : > { %12 = vtrace 3355443201 /* ] TraceMeEnd(expert) */ }
   0xf   :  { shalt.err } /* exit bundle */
"""


def test_counts_every_bundle_once() -> None:
    schedule = bundles.parse(TEXT.splitlines())
    assert schedule.total == 16
    assert schedule.delay == 7
    assert sum(schedule.scopes.values()) == sum(schedule.depths.values()) == 16


def test_attributes_bundles_to_the_innermost_scope() -> None:
    schedule = bundles.parse(TEXT.splitlines())
    assert schedule.scopes == {"": 3, "gather": 4, "expert": 6, "expert/inner": 3}
    assert schedule.inside("expert") == 9
    assert schedule.inside("inner") == 3


def test_nests_loops_by_their_marks() -> None:
    first, second = bundles.parse(TEXT.splitlines()).loops
    # The marker and the empty bundle after it carry no mark: as deep as what is around them.
    assert (first.bundles, first.own, first.scope) == (4, 4, "gather")
    # A bare trace marker in the middle of a loop does not end it.
    assert (second.bundles, second.own) == (9, 6)
    assert [inner.bundles for inner in second.loops] == [1, 1, 1]


def test_counts_trace_markers_apart() -> None:
    assert bundles.parse(TEXT.splitlines()).tracing == 6


def test_header_and_body_are_one_loop() -> None:
    lines = ["0x1 LH: > { a }", "0x2 LB: > { b }", "0x3 LB: > { c }", "0x4   :  { d }"]
    loops = bundles.parse(lines).loops
    assert [loop.bundles for loop in loops] == [2, 1]


def test_an_end_without_a_start_closes_nothing() -> None:
    lines = ["0x1   :  { vtrace 1 /* ] TraceMeEnd(lost) */ }", "0x2   :  { a }"]
    assert bundles.parse(lines).scopes == {"": 2}


def test_runs_as_a_program(tmp_path: Path) -> None:
    file = tmp_path / "kernel-01-final_bundles.txt"
    file.write_text(TEXT)
    command = [sys.executable, "-m", "moegen_worker.compiler.bundles", str(file), "--json"]
    folder = Path(bundles.__file__).parents[1]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert json.loads(run.stdout)["total"] == 16
    assert "expert/inner" in bundles.report(bundles.parse_file(file))


def test_merges_kernels() -> None:
    one = bundles.parse(TEXT.splitlines())
    both = bundles.merge([one, one])
    assert (both.total, both.scopes["gather"], len(both.loops)) == (32, 8, 4)
