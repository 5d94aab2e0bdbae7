"""Chooses which tiles to try next, by Optuna's TPE: ask and tell.

Params: `action` with `study` (any name) and
- `open`: `axes` ({name: values}), `seed`, `first` (tiles to try before any is sampled), `journal` (a
  file that several searches share, also one after the other; absent: none);
- `ask`: answers `{trial, tiles}`;
- `tell`: `trial` and `seconds`, null where the tiles failed; `pruned`: the tiles were not tried for
  this trial, the seconds are a guess, or null where there is none;
- `tried`: answers `{tiles, running}`: all that were tried, and how many more are being tried, by any
  search.
Studies live as long as the worker, those in a journal longer.
"""

from __future__ import annotations

import os
import socket
import warnings
from typing import Any

from ..wire.errors import OpError

Tiles = dict[str, int]

# Which process asked.
_BY = "by"


def _is_gone(by: Any) -> bool:
    """Whether a process of this machine has ended; of other machines nothing is known."""
    host, _, pid = str(by).rpartition(" ")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Study:
    """One study, and the trials that this search asked for."""

    def __init__(self, study: Any, axes: dict[str, list[int]]) -> None:
        self._study = study
        self._axes = axes
        self._asked: dict[int, Any] = {}

    def begin(self, first: list[Tiles]) -> None:
        """Takes back what searches asked for that are gone, and puts the first tiles in line."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if _is_gone(trial.user_attrs.get(_BY)):
                self._study.enqueue_trial(dict(trial.params), skip_if_exists=False)
                self._study.tell(trial.number, state=TrialState.PRUNED)
        for tiles in first:
            names = {name: int(tiles[name]) for name in self._axes}
            self._study.enqueue_trial(names, skip_if_exists=True)

    def ask(self) -> dict[str, Any]:
        """The next tiles."""
        trial = self._study.ask()
        trial.set_user_attr(_BY, f"{socket.gethostname()} {os.getpid()}")
        tiles = {name: trial.suggest_categorical(name, of) for name, of in self._axes.items()}
        self._asked[trial.number] = trial
        return {"trial": trial.number, "tiles": tiles}

    def tell(self, number: int, seconds: float | None, pruned: bool) -> None:
        """What became of tiles that were asked for."""
        from optuna.trial import TrialState

        trial = self._asked.pop(number)
        if pruned:
            # TPE takes the last value of a trial that was given up behind all that were not.
            if seconds is not None:
                trial.report(seconds, step=0)
            self._study.tell(trial, state=TrialState.PRUNED)
        elif seconds is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, seconds)

    def tried(self) -> dict[str, Any]:
        """All that were tried, once each, and how many more are being tried, by any search."""
        from optuna.trial import TrialState

        def of(*states: Any) -> dict[Any, Tiles]:
            trials = self._study.get_trials(deepcopy=False, states=states)
            whole = [each.params for each in trials if len(each.params) == len(self._axes)]
            return {tuple(sorted(tiles.items())): dict(tiles) for tiles in whole}

        done = of(TrialState.COMPLETE, TrialState.FAIL)
        running = of(TrialState.RUNNING)
        return {"tiles": list(done.values()), "running": len(running.keys() - done.keys())}


_studies: dict[str, Study] = {}


def _open(params: dict[str, Any]) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    axes = {str(name): [int(v) for v in values] for name, values in params["axes"].items()}
    name, journal = str(params["study"]), params.get("journal")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = None
        if journal is not None:
            os.makedirs(os.path.dirname(journal), exist_ok=True)
            backend = optuna.storages.journal.JournalFileBackend(journal)
            storage = optuna.storages.JournalStorage(backend)
        study = optuna.create_study(
            study_name=name, storage=storage, direction="minimize", load_if_exists=True
        )
        # Of two searches in one study the second must not sample what the first does; several
        # candidates are compiled at once: a liar keeps them apart.
        seed = int(params.get("seed", 0)) + len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    _studies[name] = Study(study, axes)
    _studies[name].begin(params.get("first", []))


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Opens a study, asks it for tiles, or tells it what became of them.

    Raises:
        OpError: "NO_STUDY", it was not opened; "UNKNOWN_ACTION"; "STORAGE", the journal cannot be
            read or written.
    """
    del emit
    action = params.get("action")
    try:
        if action == "open":
            _open(params)
            return {}
        study = _studies.get(str(params.get("study")))
        if study is None:
            raise OpError("NO_STUDY", f"there is no study {params.get('study')!r}: open it first")
        if action == "ask":
            return study.ask()
        if action == "tell":
            study.tell(int(params["trial"]), params.get("seconds"), params.get("pruned") is True)
            return {}
        if action == "tried":
            return study.tried()
    except OSError as error:
        raise OpError("STORAGE", f"the search's journal: {error}") from error
    raise OpError("UNKNOWN_ACTION", f"unknown action {action!r}; known: open, ask, tell, tried")
