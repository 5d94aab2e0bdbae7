"""Runs mutants of a package on simulated devices until each is caught: of its synchronisation, and
of its arithmetic.

Params: `package` (folder of the scaled package), `served` (folder of the package as generated: lines
are its), `plan` (the scaled kernel's), `layer`, `tokenAxes`, `tokens` (T of a usual call), `seed`,
`families` ("sync", "arithmetic"; absent: both), `only` (kinds, null: all), `ids` (null: all), `sample` (how many, null: all), `shard` (which part, of
how many), `done` (ids to leave out, after a worker was lost), `core`.
Events: `start` (total, by kind), `base` (the kernel without a fault passes: in the first part, before the mutants,
all cases in the first orders; of a sample, after them, what caught one), `mutant-start` and `mutant` for each, with a
field `mutant`. Result: `{mutants: [...], seconds}`.
"""

from __future__ import annotations

import difflib
import tempfile
import time
from pathlib import Path
from typing import Any

from ..wire.errors import OpError
from .validate import prepare

# How many of the names that there are an error lists.
SHOWN = 8


def chosen(
    mutants: list[Any], only: list[str] | None, ids: list[str] | None, sample: int | None
) -> list[Any]:
    """Named ones first in a sample, then evenly from every kind in turn.

    Raises:
        OpError: "UNKNOWN_MUTANT", there is no such kind or id.
    """
    from ..mutants.mutant import KINDS

    for wanted, known in ((only, set(KINDS)), (ids, {m.id for m in mutants})):
        unknown = sorted(set(wanted or ()) - known)
        if unknown:
            near = difflib.get_close_matches(unknown[0], sorted(known), SHOWN, 0.0)
            more = f", and {len(known) - len(near)} more" if len(known) > len(near) else ""
            listed = ", ".join(near) + more
            raise OpError("UNKNOWN_MUTANT", f"no mutant {unknown[0]!r}; nearest: {listed}")
    if only:
        mutants = [m for m in mutants if m.kind in only]
    if ids:
        mutants = [m for m in mutants if m.id in ids]
    if sample is None or sample >= len(mutants):
        return mutants
    picked = [m for m in mutants if m.named][:sample]
    kinds = [[m for m in mutants if m.kind == kind and not m.named] for kind in KINDS]
    turn = 0
    while len(picked) < sample:
        kind = kinds[turn % len(kinds)]
        # A fixed stride through the kind: the same sample in every run.
        if kind:
            picked.append(kind.pop((turn // len(kinds) * 7) % len(kind)))
        turn += 1
    return [m for m in mutants if m in picked]


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Makes the mutants and tries this worker's part of them.

    Raises:
        OpError: "BASE", the kernel without a fault fails what mutants are tried on; and what
            `make.mutants` raises.
    """
    from ..mutants import make
    from ..mutants.mutant import FAMILIES

    start = time.perf_counter()
    folder, plan = params["package"], params["plan"]
    layer = params["layer"]
    families = tuple(params.get("families") or FAMILIES)
    every = make.mutants(folder, plan, layer, params.get("served"), families)
    every = chosen(every, params.get("only"), params.get("ids"), params.get("sample"))
    kinds: dict[str, int] = {}
    for mutant in every:
        kinds[mutant.kind] = kinds.get(mutant.kind, 0) + 1
    emit("start", total=len(every), kinds=kinds)
    shard, of = (int(n) for n in params.get("shard", (0, 1)))
    done = set(params.get("done", ()))
    mine = [m for m in every[shard::of] if m.id not in done]

    core, workers = params.get("core", (shard, of))
    prepare(int(core), int(workers))
    from ..mutants import trial
    from ..package import loading as packages
    from ..validate.bench import Bench
    from ..validate.programs import Target

    package = packages.load(folder)
    given = layer["routing"].get("where") == "given"
    tokens, seed = int(params["tokens"]), int(params.get("seed", 0))
    used = tuple(family for family in families if any(m.family == family for m in every))
    split = package.splits
    exact = bool(layer.get("deterministic"))
    trials = trial.Trials(tokens, package.devices, seed, used, given, exact, split)
    axes = params.get("tokenAxes")
    token_axes = None if axes is None else tuple(axes)
    target = Target(package, layer, token_axes, in_turns=True)
    bench = Bench(target, trials.seed, trials.planned())
    results = []
    with tempfile.TemporaryDirectory() as below:
        whole = make.unchanged(folder).write(folder, below)
        control = trial.Control(bench, packages.load(whole))
        # Of a sample it passes what catches a mutant, and no more.
        if params.get("sample") is None and not done and shard == 0:
            for attempt in trials.first():
                control.passes(attempt)
            emit("base", attempts=len(control))
        for mutant in mine:
            # In a field of its own: `id` is the request's.
            emit("mutant-start", mutant=mutant.described())
            began = time.perf_counter()
            # A fault of synchronisation may well start more.
            most = mutant.family == "arithmetic"
            with tempfile.TemporaryDirectory() as faulty:
                loaded = packages.load(mutant.write(folder, Path(faulty)))
                verdict = trial.tried(bench, loaded, trials.attempts(mutant), control, most)
            seconds = round(time.perf_counter() - began, 3)
            results.append({**mutant.described(), **verdict, "seconds": seconds})
            emit("mutant", mutant=results[-1])
        if params.get("sample") is not None:
            emit("base", attempts=len(control))
        control.close()
    bench.close()
    return {"mutants": results, "seconds": round(time.perf_counter() - start, 3)}
