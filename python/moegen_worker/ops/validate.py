"""Validates a generated package on simulated devices, case by case.

Params: `package` (folder; or, from another machine, its `name` and `files`: path to text), `layer` (the plan's), `tokenAxes` (null: all of the package's), `call`
(null: as each case asks; else `form`, `split` and `passes` of all), `tokens` (usual Ts), `bucketTokens` (a T in each further token bucket),
`cases` (names, null: all), `seed`, `jitter`, `orders` (seeds of
orders of devices and copies: the first, how many; null: as threads come), `done` (pairs of case and T to leave out, after a worker was
lost), `shard` (which part of the cases, of how many), `core` (this worker's number, and of how
many; absent: as `shard`).
Events: `start`, then `case-start` and `case` for each. Result: `{cases: [...]}`.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from ..package.files import write
from ..validate.cases import CASES, Case
from ..wire.errors import OpError

REFERENCE = "reference"
# Three fifths less time in XLA, and no more in the run (measured on a scaled Qwen3 kernel).
QUICK_COMPILE = (
    "--xla_backend_optimization_level=0"
    " --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1"
)
# What is rounded to bfloat16 and widened again is rounded, as on a TPU: XLA may leave it as it was.
ROUND = "--xla_allow_excess_precision=false"
# Kinds of orders: that many seeds in a row have one of each.
KINDS = 9
# The case that visits every token bucket.
ODD = "not-divisible"


def chosen(names: list[str] | None) -> tuple[bool, list[Case]]:
    """Whether to check the reference, and which cases to run, in the registry's order.

    Raises:
        OpError: "UNKNOWN_CASE", a name is none.
    """
    if not names:
        return True, list(CASES)
    known = {case.name: case for case in CASES}
    unknown = [name for name in names if name != REFERENCE and name not in known]
    if unknown:
        listed = ", ".join([REFERENCE, *known])
        raise OpError("UNKNOWN_CASE", f"no case {unknown[0]!r}; there are: {listed}")
    return REFERENCE in names, [case for case in CASES if case.name in names]


def fitted(case: Case, package: Any, tokens: int) -> Case:
    """The case as far as this package's mesh and tiles can have its form."""
    split = case.split_mesh and package.splits
    several = package.has_rounds or package.small_pass_tiles(tokens) is not None
    passes = case.small_passes and several
    return dataclasses.replace(case, split_mesh=split, small_passes=passes)


def called(case: Case, call: dict[str, Any], package: Any, tokens: int) -> Case:
    """The case on the mesh and with the passes that the caller wants of all cases."""
    split, passes = bool(call["split"]), bool(call["passes"])
    return fitted(dataclasses.replace(case, split_mesh=split, small_passes=passes), package, tokens)


def may_overlap(package: Any, tokens: int) -> bool:
    """Whether passes of a call of T tokens may overlap (`src/kernel/api/pass-tiles.ts`)."""
    return package is not None and hasattr(package.small_pass_tiles(tokens), "passes_at_once")


def schedule(
    names: list[str] | None,
    tokens: list[int],
    bucket_tokens: list[int],
    package: Any,
    given: bool = False,
    deterministic: bool = False,
    exponents: bool = False,
) -> list[tuple[Case, int]]:
    """Each case with its T. A case whose T does not follow the usual one runs once; the case of
    an odd T runs in each further token bucket too, so that every bucket's tiles are used. Some
    cases are for kernels that are `given` their routing alone, or for the others; some for
    `deterministic` ones, for those with scales that are `exponents`, or for those whose passes may
    overlap.

    Raises:
        OpError: "UNKNOWN_CASE", a named case asks for another kernel.
    """
    _, cases = chosen(names)
    other = "kernel" if given else "given"
    for case in cases:
        if names and case.routing == other:
            what = "given" if other == "given" else "in the kernel"
            raise OpError("UNKNOWN_CASE", f"case {case.name!r} needs routing that is {what}")
        if names and case.bits and not deterministic:
            raise OpError(
                "UNKNOWN_CASE", f"case {case.name!r} needs a kernel that is deterministic"
            )
        if names and case.lost_scales and not exponents:
            raise OpError("UNKNOWN_CASE", f"case {case.name!r} needs scales that are exponents")
    overlap = may_overlap(package, max(tokens))
    if names and not overlap and any(case.one_by_one for case in cases):
        raise OpError("UNKNOWN_CASE", "case 'one-by-one' needs a kernel whose passes may overlap")
    cases = [case for case in cases if case.routing != other and deterministic >= case.bits]
    cases = [case for case in cases if exponents >= case.lost_scales]
    cases = [case for case in cases if overlap >= case.one_by_one]
    planned: list[tuple[Case, int]] = []
    for case in cases:
        few = case.most_devices is None or package.devices <= case.most_devices
        counts = list(tokens) if names or (case.usual and few) else []
        if case.name == ODD:
            counts += bucket_tokens
        counts = list(dict.fromkeys(case.tokens(count, package.devices) for count in counts))
        planned += [(fitted(case, package, count), count) for count in counts]
    return planned


def share(
    planned: list[tuple[Case, int]], reference: bool, shard: int, of: int
) -> tuple[bool, list[tuple[Case, int]]]:
    """What one of several workers does: cases that share a program stay together.

    Dealt out by estimated cost, dearest first. Measured on Qwen3, in processor time: building a program
    costs as much as eight runs at a usual T, and as many tokens more three fifths of a run.
    """
    from ..validate.programs import Program

    groups: dict[Program, list[tuple[Case, int]]] = {}
    for case, tokens in planned:
        groups.setdefault(Program.of(case, tokens), []).append((case, tokens))
    usual = min((tokens for _, tokens in planned if tokens > 1), default=1)
    costs = {
        program: 8.0 + sum(case.calls * (0.4 + 0.6 * tokens / usual) for case, tokens in members)
        for program, members in groups.items()
    }
    loads = [0.0] * of
    owner: dict[Program, int] = {}
    for program in sorted(groups, key=lambda key: -costs[key]):
        owner[program] = loads.index(min(loads))
        loads[owner[program]] += costs[program]
    mine = [(case, t) for case, t in planned if owner[Program.of(case, t)] == shard]
    return reference and loads.index(min(loads)) == shard, mine


def prepare(core: int, of: int) -> None:
    """Settings for programs that run once or a few times; before JAX is imported."""
    # Simulated devices are threads that hand Python's lock to each other: between cores that costs
    # a third more time. Where every worker can have a core to itself it stays on it.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if 1 < of <= len(cores):
        os.sched_setaffinity(0, {cores[core]})
    # Tracing makes many objects and little garbage.
    gc.disable()
    # XLA aborts on a flag that it does not know: only for the version that these were tried with.
    if (metadata.version("jaxlib") or "").startswith("0.10."):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK_COMPILE} {ROUND}"


def seeds(first: int | None, count: int | None) -> range:
    """Seeds of the orders to run in; none: as threads come."""
    return range(0) if first is None else range(int(first), int(first) + int(count or KINDS))


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Runs this worker's part of the cases; what is wrong with one is its verdict.

    Raises:
        OpError: "DEVICES", too few are simulated; "BAD_PACKAGE", a file would lie outside of it; and
            what `chosen` and `schedule` raise.
    """
    if "files" not in params:
        return _run(str(params["package"]), params, emit)
    with tempfile.TemporaryDirectory(prefix="moegen-") as below:
        write(params["files"], Path(below))
        return _run(str(Path(below) / str(params["name"])), params, emit)


def _run(folder: str, params: dict[str, Any], emit: Any) -> dict[str, Any]:
    from ..package import loading as packages
    from ..validate.bench import Bench, timed
    from ..validate.programs import Target

    check_reference, _ = chosen(params.get("cases"))
    package = packages.load(folder)
    seed = int(params.get("seed", 0))
    usual = [int(t) for t in params["tokens"]]
    further = [int(t) for t in params.get("bucketTokens", ())]
    layer = params["layer"]
    given = layer["routing"].get("where") == "given"
    exact = bool(layer.get("deterministic"))
    words = (layer.get("quantization") or {}).get("scales") == "float8_e8m0fnu"
    planned = schedule(params.get("cases"), usual, further, package, given, exact, words)
    call = params.get("call") or {}
    if call:
        planned = [(called(case, call, package, count), count) for case, count in planned]
    names = ([REFERENCE] if check_reference else []) + [case.name for case, _ in planned]
    shard, of = params.get("shard", (0, 1))
    check_reference, planned = share(planned, check_reference, int(shard), int(of))
    done = {(str(name), int(tokens)) for name, tokens in params.get("done", ())}
    check_reference = check_reference and not any(name == REFERENCE for name, _ in done)
    planned = [(case, tokens) for case, tokens in planned if (case.name, tokens) not in done]

    core, workers = params.get("core", (shard, of))
    prepare(int(core), int(workers))
    import jax

    if len(jax.devices()) < package.devices:
        have = len(jax.devices())
        raise OpError("DEVICES", f"{package.devices} simulated devices needed, {have} there")
    axes = params.get("tokenAxes")
    token_axes = None if axes is None else tuple(axes)
    orders = seeds(params.get("jitter"), params.get("orders"))
    form = str(call.get("form", "plain"))
    target = Target(package, layer, token_axes, form, in_turns=bool(orders))
    if orders:
        # Two calls, so that a device can be one ahead.
        planned = [(dataclasses.replace(c, calls=max(2, c.calls)), t) for c, t in planned]
    bench = Bench(target, seed, planned)
    emit("start", cases=names)
    results: list[dict[str, Any]] = []

    def one(name: str, title: str, tokens: int, work: Any) -> None:
        emit("case-start", case=name, title=title, tokens=tokens)
        # Once a case has begun, so that a crash in here is some case's failure.
        for case, count in planned:
            bench.start(case, count)
        head = {"case": name, "title": title, "tokens": tokens, "seed": seed}
        results.append({**head, **timed(work)})
        emit("case", **results[-1])

    try:
        if check_reference:
            one(REFERENCE, "reference against float64", 4, bench.check_reference)
        for case, tokens in planned:
            one(case.name, case.title, tokens, lambda c=case, t=tokens: bench.runs(c, t, orders))
    finally:
        bench.close()
    return {"cases": results}
