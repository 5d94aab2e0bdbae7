"""Whether a result is right, and where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import fingerprint, interpreter, metrics, model
from .inputs import Inputs

Verdict = dict[str, Any]


def failed(message: str, **detail: Any) -> Verdict:
    return {"ok": False, "error": None, "failure": {"message": message, **detail}}


def reports(outcome: interpreter.Outcome) -> dict[str, Any]:
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
    bound: float,
) -> Verdict:
    """(calls, T, D) against the reference of each call."""
    errors = []
    failure: dict[str, Any] | None = None
    for call in range(result.shape[0]):
        wanted = reference(call)
        error = metrics.relative_error(result[call], wanted)
        errors.append(error)
        if error <= bound or failure is not None:
            continue
        rows = inputs.tokens[call], inputs.weights[call], inputs.ids[call]
        worst = metrics.worst(layer, inputs.model, *rows, result[call], wanted)
        where = f" in call {call + 1} of {result.shape[0]}" if result.shape[0] > 1 else ""
        if worst["nanTokens"]:
            what = f"not a number in {worst['nanTokens']} of {result.shape[1]} tokens"
            message = f"{what}{where}: unwritten memory was read"
        else:
            message = f"relative error {error:.2e} is over {bound:.0e}{where}"
        failure = {"message": message, "worst": worst}
    verdict: Verdict = {"ok": failure is None, "error": max(errors)}
    return verdict if failure is None else {**verdict, "failure": failure}


def ids(
    layer: model.Layer, inputs: Inputs, result: np.ndarray, bound: float, devices: int
) -> Verdict:
    """Ids must be identical; weights may differ by the dtype's rounding, and by that of the sums
    of each of `devices` where they are quantised."""
    worst = 0.0
    experts = inputs.model.w2.shape[0]
    for call in range(result.shape[0]):
        weights, chosen = inputs.weights[call], inputs.ids[call]
        shown = fingerprint.read(layer, result[call], experts, inputs.model.plain("w2", 0))
        wanted = np.zeros_like(shown)
        np.add.at(wanted, (np.arange(len(chosen))[:, None], chosen), weights)
        off = fingerprint.slack(layer, wanted, devices)
        wrong = fingerprint.compare(shown, weights, chosen, 2 * bound, off)
        worst = max(worst, metrics.relative_error(shown, wanted))
        if wrong is not None:
            message = {
                "ids": "chosen experts differ from the reference's",
                "weight": "a routing weight differs from the reference's",
            }.get(wrong["problem"], "not a number in the result")
            failure = {"message": message, "routing": wrong}
            return {"ok": False, "error": worst, "failure": failure}
    return {"ok": True, "error": worst}
