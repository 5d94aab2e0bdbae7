"""Whether a result is right, and where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..package import model
from ..simulate import interpreter
from . import fingerprint, hostile, metrics, rounding
from .inputs import Inputs

Verdict = dict[str, Any]


def failed(message: str, **detail: Any) -> Verdict:
    """A verdict of wrong; `detail` goes beside its message."""
    return {"ok": False, "error": None, "failure": {"message": message, **detail}}


def reports(outcome: interpreter.Outcome) -> dict[str, Any]:
    """What a run said of itself, under the answer's names; silent where there was nothing."""
    fields: dict[str, Any] = {
        "races": list(outcome.races),
        "semaphores": list(outcome.semaphores),
        "outOfBounds": outcome.out_of_bounds,
        "error": outcome.error,
        "unfinished": list(outcome.unfinished),
        "deadlock": outcome.deadlock,
    }
    return {name: value for name, value in fields.items() if value}


def sums(
    layer: model.Layer,
    inputs: Inputs,
    result: np.ndarray,
    reference: Callable[[int], np.ndarray],
    expected: Callable[[int], rounding.Expected],
) -> Verdict:
    """(calls, T, D) against the reference of each call and what rounding is expected to cost.

    Says of the call that is nearest to its limit: `error`, `expected` and `limit`, relative to the
    reference's norm, and `ofLimit`, the largest share of a limit that the call or a row of it has.
    """
    verdict: Verdict = {"ok": True, "ofLimit": -1.0}
    failure: dict[str, Any] | None = None
    for call in range(result.shape[0]):
        either = hostile.bounded(layer, inputs.weights[call])
        got, wanted, hidden = hostile.settled(result[call], reference(call), either)
        if hidden is not None:
            message = f"token {hidden} has a number where the reference has none"
            return failed(message, token=hidden)
        with np.errstate(invalid="ignore", over="ignore"):
            allowed = _of_numbers(expected(call))
        found = metrics.against(got, wanted, allowed)
        if found.of_limit > verdict["ofLimit"]:
            verdict |= found.reported()
        if found.of_limit <= 1.0 or failure is not None:
            continue
        rows = inputs.tokens[call], inputs.weights[call], inputs.ids[call]
        worst = metrics.worst(layer, inputs.model, *rows, got, wanted)
        where = f" in call {call + 1} of {result.shape[0]}" if result.shape[0] > 1 else ""
        failure = {"message": f"{_what(found, worst, result.shape[1])}{where}", "worst": worst}
    return verdict if failure is None else {**verdict, "ok": False, "failure": failure}


def _of_numbers(allowed: rounding.Expected) -> rounding.Expected:
    """Nought for the rows whose result is not a number: they have no error."""
    known = np.isfinite(allowed.mean) & np.isfinite(allowed.deviation)
    fields = (allowed.mean, allowed.deviation, allowed.more)
    return rounding.Expected(*(np.where(known, field, 0.0) for field in fields))


def _what(found: metrics.Found, worst: dict[str, Any], count: int) -> str:
    if worst["nanTokens"]:
        tokens = f"{worst['nanTokens']} of {count} tokens"
        return f"not a number in {tokens}: unwritten memory was read"
    if found.all_rows > 1.0:
        times = f"{found.error / found.expected:.2f} times" if found.expected else "beyond"
        return (
            f"relative error {found.error:.2e} is over {found.limit:.2e}: {times} what rounding"
            " is expected to cost"
        )
    return (
        f"token {found.row} has {found.of_limit:.2f} times the error that rounding allows it"
        f" (all tokens together {found.error:.2e} of {found.limit:.2e})"
    )


def ids(
    layer: model.Layer, inputs: Inputs, result: np.ndarray, expected: rounding.Model
) -> Verdict:
    """Ids must be identical; weights may differ by the dtype's rounding, and by that of sums on their
    way where they are quantised."""
    worst = 0.0
    experts = inputs.model.w2.shape[0]
    tolerance = expected.shown(result.shape[1])
    for call in range(result.shape[0]):
        chosen, down = inputs.ids[call], inputs.model.plain("w2", 0)
        weights = np.where(
            chosen < experts,
            fingerprint.shown(layer, inputs.weights[call], down),
            inputs.weights[call],
        )
        # Identity experts show together, behind the others.
        chosen = np.minimum(chosen, experts)
        shown = fingerprint.read(layer, result[call], experts, down)
        wanted = np.zeros_like(shown)
        np.add.at(wanted, (np.arange(len(chosen))[:, None], chosen), weights)
        off = fingerprint.slack(layer, wanted, expected.roundings(len(chosen)))
        allowed = tolerance * np.abs(wanted) + off
        wrong = fingerprint.compare(shown, weights, chosen, allowed, off)
        worst = max(worst, metrics.relative_error(shown, wanted))
        if wrong is not None:
            message = {
                "ids": "chosen experts differ from the reference's",
                "weight": "a routing weight differs from the reference's",
            }.get(wrong["problem"], "not a number in the result")
            failure = {"message": message, "routing": wrong}
            return {"ok": False, "error": worst, "failure": failure}
    return {"ok": True, "error": worst, "limit": float(tolerance.max())}
