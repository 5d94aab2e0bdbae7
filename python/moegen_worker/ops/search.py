"""Chooses which tiles to try next, by Optuna's TPE: ask and tell.

Params: `action` with `study` (any name) and
- `open`: `axes` ({name: values}), `seed`, `first` (tiles to try before any is sampled);
- `ask`: answers `{trial, tiles}`;
- `tell`: `trial` and `seconds`, null where the tiles failed.
Studies live as long as the worker.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..wire.errors import OpError

_studies: dict[str, tuple[Any, dict[str, list[int]]]] = {}


def _open(params: dict[str, Any]) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    axes = {str(name): [int(v) for v in values] for name, values in params["axes"].items()}
    # Several candidates are compiled at once: a liar keeps them apart.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        seed = int(params.get("seed", 0))
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    for tiles in params.get("first", ()):
        study.enqueue_trial({name: int(tiles[name]) for name in axes})
    _studies[str(params["study"])] = (study, axes)
    return {}


def _ask(study: Any, axes: dict[str, list[int]]) -> dict[str, Any]:
    trial = study.ask()
    tiles = {name: trial.suggest_categorical(name, values) for name, values in axes.items()}
    return {"trial": trial.number, "tiles": tiles}


def _tell(study: Any, params: dict[str, Any]) -> dict[str, Any]:
    import optuna

    seconds = params.get("seconds")
    if seconds is None:
        study.tell(int(params["trial"]), state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(int(params["trial"]), float(seconds))
    return {}


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Opens a study, asks it for tiles, or tells it what became of them.

    Raises:
        OpError: "NO_STUDY", it was not opened; "UNKNOWN_ACTION".
    """
    del emit
    action = params.get("action")
    if action == "open":
        return _open(params)
    found = _studies.get(str(params.get("study")))
    if found is None:
        raise OpError("NO_STUDY", f"there is no study {params.get('study')!r}: open it first")
    study, axes = found
    if action == "ask":
        return _ask(study, axes)
    if action == "tell":
        return _tell(study, params)
    raise OpError("UNKNOWN_ACTION", f"unknown action {action!r}; known: open, ask, tell")
