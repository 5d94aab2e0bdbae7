"""The compiler's words on memory, as provoked with libtpu 0.0.42.1."""

from __future__ import annotations

import json

from moegen_worker.compiler import memory

PROGRAM = """\
RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space vmem. Used 140.01M of 127.94M vmem. Exceeded vmem capacity by 12.07M.
Program vmem requirement 140.01M:
    scoped          140.01M
  Largest program allocations in vmem:
  1. Size: 70.00M
     Operator: op_name="jit(wrapped)/moe_kern/pallas_call"
     Shape: f32[143360,128]{1,0:T(8,128)}
     Unpadded size: 70.00M
     Tag: scratch operand
     Allocation type: scoped
     ==========================
  2. Size: 4.0K
     Shape: u8[4096]{0}
     Tag: input window allocation for operator input 0. The window shape is f32[8,128], while the full shape is f32[8,128].
     Allocation type: scoped
     ==========================
"""
SCOPED = """\
RESOURCE_EXHAUSTED: E1001: CompileTimeScopedVmemOom:
Ran out of memory in memory space vmem while allocating on stack for %moe_kern.1 = f32[8,128]{1,0:T(8,128)} custom-call(%args_0_.1). Scoped allocation with size 80.00M and limit 60.00M exceeded scoped vmem limit by 20.00M.
"""
SINGLE = (
    "RESOURCE_EXHAUSTED: Allocation (size=4194304) would exceed memory (size=1048576) :: "
    "#allocation4 [shape = 's32[1048576]{0:T(128)}', space=smem, size = 0x400000, scoped, "
    "tag = 'scratch operand'] :: moe_kern.1"
)


def test_program_overflow_lists_its_buffers() -> None:
    found = memory.parse_overflow(PROGRAM)
    assert found is not None
    assert found["kind"] == "vmem"
    assert found["requested"] == int(140.01 * 2**20)
    assert found["limit"] == int(127.94 * 2**20)
    assert [(b["bytes"], b["tag"]) for b in found["buffers"]] == [
        (70 * 2**20, "scratch operand"),
        (4096, "input window allocation for operator input 0"),
    ]


def test_kernel_overflow_has_sizes() -> None:
    found = memory.parse_overflow(SCOPED)
    assert found == {
        "kind": "vmem",
        "requested": 80 * 2**20,
        "limit": 60 * 2**20,
        "buffers": [],
    }


def test_single_buffer_names_its_space() -> None:
    found = memory.parse_overflow(SINGLE)
    assert found is not None
    assert (found["kind"], found["limit"]) == ("smem", 2**20)
    assert found["buffers"][0]["bytes"] == 4 * 2**20


def test_other_errors_are_no_overflow() -> None:
    assert memory.parse_overflow("INTERNAL: Mosaic failed to compile TPU kernel") is None


def test_report_of_a_kernel_that_fits() -> None:
    block = {"allocations": [{"shape": "f32[4,16,256]", "size": 65536, "tag": "scratch operand"}]}
    data = {
        "global_info": {"vmem_capacity": 134217728},
        "hlo_breakdowns": {"moe.1": {"blocks": [block], "total_size": 65536}},
    }
    html = f"<script>\n const DATA ={json.dumps(data)};\n const X = 1;</script>"
    found = memory.parse_report(html, "moe.1")
    assert found is not None
    assert (found["used"], found["capacity"], len(found["buffers"])) == (65536, 134217728, 1)
    assert memory.parse_report(html, "other") is None
    assert memory.parse_report("<html></html>", "moe.1") is None
