"""What the compiler says of memory: its report of a kernel that fits, its error for one that does
not. Three wordings of the error are known; each was provoked with the real compiler."""

from __future__ import annotations

import json
import re
from typing import Any

Buffer = dict[str, Any]

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_SIZE = r"(?P<{0}>[\d.]+)(?P<{0}_unit>[KMG]?)"

# 1. The program as a whole, with the list of its largest allocations.
_USED = re.compile(
    r"Ran out of memory in memory space (?P<space>\w+)\. Used "
    + _SIZE.format("used")
    + " of "
    + _SIZE.format("limit")
)
_ITEM = re.compile(
    r"^\s*\d+\. Size: " + _SIZE.format("size") + r"\n(?P<body>.*?)(?:={5,}|\Z)", re.M | re.S
)
# 2. One kernel over the limit that it asked for; no list.
_SCOPED = re.compile(
    r"memory space (?P<space>\w+) while allocating on stack.*?Scoped allocation with size "
    + _SIZE.format("used")
    + " and limit "
    + _SIZE.format("limit"),
    re.S,
)
# 3. A single buffer over all there is.
_SINGLE = re.compile(
    r"Allocation \(size=(?P<used>\d+)\) would exceed memory \(size=(?P<limit>\d+)\)(?P<rest>.*)",
    re.S,
)
_SINGLE_BUFFER = re.compile(
    r"\[shape = '(?P<shape>[^']*)', space=(?P<space>\w+), size = (?P<size>0x[0-9a-f]+)"
    r"[^\]]*?tag = '(?P<tag>[^']*)'"
)


def _bytes(match: re.Match[str], group: str) -> int:
    return int(float(match[group]) * _UNITS[match[f"{group}_unit"]])


def _field(body: str, name: str) -> str:
    found = re.search(rf"^\s*{name}: (.*)$", body, re.M)
    return found[1].strip() if found else ""


def short_tag(tag: str) -> str:
    """The compiler's tags are paragraphs; their first clause says it."""
    return re.split(r"\. |, while", tag, maxsplit=1)[0].strip()


def parse_overflow(message: str) -> dict[str, Any] | None:
    """`{kind, requested, limit, buffers}` of a RESOURCE_EXHAUSTED message; None for another."""
    used = _USED.search(message)
    if used:
        buffers: list[Buffer] = [
            {
                "shape": _field(item["body"], "Shape"),
                "bytes": _bytes(item, "size"),
                "tag": short_tag(_field(item["body"], "Tag")),
            }
            for item in _ITEM.finditer(message)
        ]
        requested, limit = _bytes(used, "used"), _bytes(used, "limit")
        return _overflow(used["space"], requested, limit, buffers)
    scoped = _SCOPED.search(message)
    if scoped:
        return _overflow(scoped["space"], _bytes(scoped, "used"), _bytes(scoped, "limit"), [])
    single = _SINGLE.search(message)
    if single:
        found = list(_SINGLE_BUFFER.finditer(single["rest"]))
        buffers = [
            {"shape": b["shape"], "bytes": int(b["size"], 16), "tag": short_tag(b["tag"])}
            for b in found
        ]
        space = found[0]["space"] if found else "vmem"
        return _overflow(space, int(single["used"]), int(single["limit"]), buffers)
    return None


def _overflow(space: str, requested: int, limit: int, buffers: list[Buffer]) -> dict[str, Any]:
    return {"kind": space, "requested": requested, "limit": limit, "buffers": buffers}


def parse_report(html: str, kernel: str) -> dict[str, Any] | None:
    """`{used, capacity, buffers}` of one kernel from a `*vmem_report.html` dump."""
    start = re.search(r"const DATA\s*=\s*", html)
    if not start:
        return None
    try:
        data, _ = json.JSONDecoder().raw_decode(html, start.end())
        entry = data["hlo_breakdowns"].get(kernel)
        capacity = int(data["global_info"]["vmem_capacity"])
    except (ValueError, KeyError, TypeError):
        return None
    if entry is None:
        return None
    allocations = [a for block in entry.get("blocks", []) for a in block.get("allocations", [])]
    buffers = [
        {"shape": a.get("shape", ""), "bytes": int(a["size"]), "tag": short_tag(a.get("tag", ""))}
        for a in allocations
    ]
    return {"used": int(entry["total_size"]), "capacity": capacity, "buffers": buffers}
