"""Validates a generated package on simulated devices, case by case.

Params: `package` (folder), `layer` (the plan's), `tokens` (usual Ts), `bucketTokens` (a T in each
further token bucket), `cases` (names, null: all), `seed`, `done` (pairs of case and T to leave
out, after a worker was lost). Events: `start`, then `case-start` and `case` for each. Result: `{cases: [...]}`.
"""

from __future__ import annotations

from typing import Any

from ..cases import CASES, Case
from ..errors import OpError

REFERENCE = "reference"
# The case that visits every token bucket.
BUCKETS = "not-divisible"


def chosen(names: list[str] | None) -> tuple[bool, list[Case]]:
    """Whether to check the reference, and which cases to run, in the registry's order."""
    if not names:
        return True, list(CASES)
    known = {case.name: case for case in CASES}
    unknown = [name for name in names if name != REFERENCE and name not in known]
    if unknown:
        listed = ", ".join([REFERENCE, *known])
        raise OpError("UNKNOWN_CASE", f"no case {unknown[0]!r}; there are: {listed}")
    return REFERENCE in names, [case for case in CASES if case.name in names]


def schedule(
    cases: list[Case], tokens: list[int], bucket_tokens: list[int], package: Any
) -> list[tuple[Case, int]]:
    """Each case with its T. A case whose T does not follow the usual one runs once; the case of
    an odd T runs once in each further token bucket, so that every bucket's tiles are used."""
    ep = package.ep
    planned: list[tuple[Case, int]] = []
    for case in cases:
        if not case.applies(ep, len(package.axes)):
            continue
        if case.small_passes and package.small_pass_tiles(tokens[0]) is None:
            continue
        usual = bucket_tokens if case.name == BUCKETS and bucket_tokens else tokens
        counts = dict.fromkeys(case.tokens(count, ep) for count in usual)
        planned += [(case, count) for count in counts]
    return planned


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    from .. import package as packages
    from ..metrics import BOUNDS
    from ..validation import Bench, Program, timed

    check_reference, cases = chosen(params.get("cases"))
    done = {(str(name), int(tokens)) for name, tokens in params.get("done", ())}
    check_reference = check_reference and not any(name == REFERENCE for name, _ in done)
    package = packages.load(params["package"])
    seed = int(params.get("seed", 0))
    usual = [int(t) for t in params["tokens"]]
    further = [int(t) for t in params.get("bucketTokens", ())]
    planned = schedule(cases, usual, further, package)
    planned = [(case, tokens) for case, tokens in planned if (case.name, tokens) not in done]

    import jax

    if len(jax.devices()) < package.ep:
        have = len(jax.devices())
        raise OpError("DEVICES", f"{package.ep} simulated devices needed, {have} there")
    most = max([tokens for _, tokens in planned], default=0)
    bench = Bench(package, params["layer"], seed, most)
    names = ([REFERENCE] if check_reference else []) + [case.name for case, _ in planned]
    emit("start", cases=names, bound=BOUNDS[str(package.dtype)])
    results: list[dict[str, Any]] = []

    def one(name: str, title: str, tokens: int, work: Any) -> None:
        emit("case-start", case=name, title=title, tokens=tokens)
        head = {"case": name, "title": title, "tokens": tokens, "seed": seed}
        results.append({**head, **timed(work)})
        emit("case", **results[-1])

    try:
        for case, tokens in planned:
            bench.program(Program.of(case, tokens))
        if check_reference:
            one(REFERENCE, "reference against float64", 4, bench.check_reference)
        for case, tokens in planned:
            one(case.name, case.title, tokens, lambda c=case, t=tokens: bench.run(c, t))
    finally:
        bench.close()
    return {"cases": results, "bound": BOUNDS[str(package.dtype)]}
