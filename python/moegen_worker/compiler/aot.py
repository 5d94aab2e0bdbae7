"""Ahead-of-time compilation by the real TPU compiler, without a TPU."""

from __future__ import annotations

import gc
import os
import re
import time
from pathlib import Path
from typing import Any

from ..package import arguments, model
from ..package.loading import MoePackage
from ..wire.errors import OpError
from . import bundles, memory

_DUMP_FLAG = re.compile(r"--xla_jf_dump_to=(\S+)")
# Checks of the compiler's own that numbers of devices fail: 6 of 8, 97 of 100.
_NO_PART = re.compile(r"RET_CHECK failure[^\n]*(device_count|DeviceCount)")


def dump_folder() -> Path | None:
    """Where libtpu was told to dump, before it loaded."""
    found = _DUMP_FLAG.search(os.environ.get("LIBTPU_INIT_ARGS", ""))
    return Path(found[1]) if found else None


def topology(name: str) -> Any:
    """A slice that need not exist, e.g. "v6e:2x2".

    Raises:
        OpError: "TOPOLOGY", the compiler does not know the name.
    """
    from jax.experimental import topologies

    try:
        return topologies.get_topology_desc(topology_name=name, platform="tpu")
    except Exception as error:
        message = f"the compiler does not know the slice {name}: {str(error).strip()[:500]}"
        raise OpError("TOPOLOGY", message, topology=name) from error


def large_enough(slices: list[dict[str, Any]], ep: int) -> list[str]:
    """Names of the slices with ep devices, the smallest first; a kernel may use a part of one.

    Raises:
        OpError: "TOPOLOGY", all are smaller.
    """
    large = [s for s in slices if int(s["devices"]) >= ep]
    if not large:
        most = max((int(s["devices"]) for s in slices), default=0)
        message = f"no known slice has {ep} devices; the largest has {most}"
        raise OpError("TOPOLOGY", message, ep=ep)
    return [str(s["name"]) for s in sorted(large, key=lambda s: int(s["devices"]))]


def kernel_names(hlo: str) -> list[str]:
    """Names of the Pallas kernels in an optimised program."""
    pattern = r"^\s*(?:ROOT )?%?([\w.\-]+) = [^\n]*?custom_call_target=\"tpu_custom_call\""
    return re.findall(pattern, hlo, re.M)


def offloads(hlo: str) -> list[str]:
    """Operations that an optimised program gives to the SparseCore, each once: their names in the
    source ("jit(call)/sort"). XLA does so without asking what it costs."""
    found: dict[str, None] = {}
    for line in hlo.splitlines():
        if 'async_execution_thread="sparsecore"' not in line:
            continue
        named = re.search(r'op_name="([^"]+)"', line) or re.match(
            r"\s*(?:ROOT )?%?([\w.\-]+)", line
        )
        found[named[1] if named else line.strip()] = None
    return list(found)


def empty(folder: Path | None) -> None:
    """Takes away what the compiler dumped, so that the next dump is alone."""
    if folder is not None and folder.is_dir():
        for file in folder.iterdir():
            file.unlink(missing_ok=True)


def schedules_of(folder: Path, kernel: str) -> list[bundles.Schedule]:
    """What the compiler dumped of one kernel."""
    # "...-NAME-01-final_bundles.txt"; "...-00-schedule-analysis_final_bundles.txt" is another.
    files = folder.glob(f"*-{kernel}-[0-9][0-9]-final_bundles.txt")
    return [bundles.parse_file(file) for file in files]


def read_dump(folder: Path | None, kernels: list[str]) -> dict[str, Any]:
    """`{bundles, vmem}` of the kernels from what the compiler dumped; null where it did not."""
    if folder is None or not folder.is_dir():
        return {"bundles": None, "vmem": None}
    schedules, reports = [], []
    html = "".join(file.read_text("utf-8", "replace") for file in folder.glob("*vmem_report.html"))
    for kernel in kernels:
        schedules += schedules_of(folder, kernel)
        report = memory.parse_report(html, kernel)
        if report is not None:
            reports.append(report)
    vmem = max(reports, key=lambda report: report["used"]) if reports else None
    if not schedules:
        return {"bundles": None, "vmem": vmem}
    merged = bundles.merge(schedules)
    counted = {**merged.to_json(), "profile": merged.profile_json()}
    return {"bundles": counted, "vmem": vmem}


def _failure(error: Exception) -> dict[str, Any]:
    message = str(error).strip()
    overflow = memory.parse_overflow(message)
    first = message.splitlines()[0] if message else type(error).__name__
    if overflow is None:
        return {"kind": "compiler", "message": f"{type(error).__name__}: {message[:3000]}"}
    return {"message": first[:1000], **overflow}


def _cannot_be_part(result: dict[str, Any]) -> bool:
    """Whether the compiler takes no such part of a slice, whatever the kernel: 6 of 8 devices."""
    return _NO_PART.search((result.get("failure") or {}).get("message", "")) is not None


def compile_kernel(
    package: MoePackage,
    layer: model.Layer,
    slices: list[dict[str, Any]],
    tokens: int,
    token_axes: list[str] | None = None,
) -> dict[str, Any]:
    """Compiles one call of T = `tokens` for the smallest slice that has the kernel's devices as a
    part; a kernel that does not fit is a result.

    Raises:
        OpError: "TOPOLOGY", there is none.
    """
    names = large_enough(slices, package.devices)
    said = []
    for name in names:
        result = _compile_on(name, package, layer, tokens, token_axes)
        if not _cannot_be_part(result):
            return result
        said.append(result["failure"]["message"])
    message = (
        f"the compiler takes {package.devices} devices as a part of none of {', '.join(names)}"
    )
    raise OpError("TOPOLOGY", f"{message}: {said[0][:500]}", ep=package.devices)


def _compile_on(
    name: str,
    package: MoePackage,
    layer: model.Layer,
    tokens: int,
    token_axes: list[str] | None,
) -> dict[str, Any]:
    """What `compile_kernel` returns, of one slice."""
    import jax

    devices = list(topology(name).devices)
    place = arguments.place(package, devices, token_axes)
    dump = dump_folder()
    empty(dump)
    result: dict[str, Any] = {
        "topology": name,
        "deviceKind": devices[0].device_kind,
        "tokens": tokens,
        "fits": False,
        "bundles": None,
        "vmem": None,
        "codeBytes": None,
    }
    seconds = {"trace": 0.0, "compile": 0.0}

    def call(*arrays: Any) -> Any:
        return package.kernel.fused_ep_moe(place.mesh, *arrays)

    start = time.perf_counter()
    # Tracing makes many objects and little garbage.
    collecting = gc.isenabled()
    gc.disable()
    try:
        structs = [place.struct(argument) for argument in arguments.of(package, layer, tokens)]
        lowered = jax.jit(call).lower(*structs)
        seconds["trace"] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()
        compiled = lowered.compile(package.compiler_options(tokens))
        seconds["compile"] = round(time.perf_counter() - start, 3)
    except Exception as error:  # noqa: BLE001 - what the compiler refuses is a result
        phase = "compile" if seconds["trace"] else "trace"
        seconds[phase] = round(time.perf_counter() - start, 3)
        empty(dump)
        return {**result, "seconds": seconds, "failure": _failure(error)}
    finally:
        if collecting:
            gc.enable()
    analysis = compiled.memory_analysis()
    code = getattr(analysis, "generated_code_size_in_bytes", None)
    hlo = compiled.as_text()
    read = read_dump(dump, kernel_names(hlo))
    empty(dump)
    known = {"codeBytes": code, "offloads": offloads(hlo)}
    return {**result, "fits": True, "seconds": seconds, **known, **read}
