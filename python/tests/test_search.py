"""Ask and tell, as the sweep uses it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from moegen_worker.ops import search
from moegen_worker.wire.errors import OpError

CAPTURED: Any = {"capture_output": True, "text": True, "check": True}


def _run(**params: Any) -> dict[str, Any]:
    return search.run(params, None)


def test_tries_the_first_tiles_first_and_learns() -> None:
    axes = {"bt": [16 * i for i in range(1, 33)], "bf": [128, 256, 384, 768]}
    first = [{"bt": 64, "bf": 768}, {"bt": 128, "bf": 384}]
    _run(action="open", study="s", axes=axes, seed=1, first=first)
    asked = []
    for _ in range(60):
        answer = _run(action="ask", study="s")
        tiles = answer["tiles"]
        asked.append(tiles)
        # One that does not compile, and a valley at bt 256.
        seconds = None if tiles["bf"] == 128 else abs(tiles["bt"] - 256) + tiles["bf"] / 768
        _run(action="tell", study="s", trial=answer["trial"], seconds=seconds)
    assert asked[:2] == first
    assert all(tiles["bt"] in axes["bt"] and tiles["bf"] in axes["bf"] for tiles in asked)
    early = [abs(tiles["bt"] - 256) for tiles in asked[2:22]]
    late = [abs(tiles["bt"] - 256) for tiles in asked[-20:]]
    assert sum(late) < sum(early)


def test_an_unknown_study_is_said() -> None:
    with pytest.raises(OpError, match="open it first"):
        _run(action="ask", study="never opened")


def test_an_unknown_action_is_said() -> None:
    _run(action="open", study="s", axes={"bt": [16]})
    with pytest.raises(OpError, match="known: open, ask, tell, tried"):
        _run(action="guess", study="s")


def test_searches_of_one_journal_share_what_they_know(tmp_path: Any) -> None:
    journal, axes = str(tmp_path / "s" / "j"), {"bt": [16, 32, 48, 64]}
    for study in ("mine", "mine again"):
        # As a second process would: by another object, of the same name in the journal.
        search._studies.pop("shared", None)
        _run(action="open", study="shared", axes=axes, first=[{"bt": 32}], journal=journal)
        if study == "mine":
            asked = _run(action="ask", study="shared")
            assert asked["tiles"] == {"bt": 32}
            _run(action="tell", study="shared", trial=asked["trial"], seconds=1.0)
            running = _run(action="ask", study="shared")["tiles"]
    told = _run(action="tried", study="shared")
    assert told == {"tiles": [{"bt": 32}], "running": int(running != {"bt": 32})}


def test_what_a_search_had_that_is_gone_is_asked_for_again(tmp_path: Any) -> None:
    journal, axes = str(tmp_path / "j"), {"bt": [16 * i for i in range(1, 65)]}
    child = (
        "from moegen_worker.ops import search\n"
        f"search.run({{'action': 'open', 'study': 's', 'axes': {axes}, 'journal': {journal!r}}}, 0)\n"
        "print(search.run({'action': 'ask', 'study': 's'}, 0)['tiles']['bt'])\n"
    )
    lost = int(subprocess.run([sys.executable, "-c", child], **CAPTURED).stdout)
    search._studies.pop("s", None)
    _run(action="open", study="s", axes=axes, journal=journal)
    assert _run(action="ask", study="s")["tiles"] == {"bt": lost}


def test_what_is_pruned_was_not_tried() -> None:
    _run(action="open", study="pruned", axes={"bt": [16, 32]}, first=[{"bt": 16}])
    asked = _run(action="ask", study="pruned")
    _run(action="tell", study="pruned", trial=asked["trial"], seconds=9.0, pruned=True)
    assert _run(action="tried", study="pruned") == {"tiles": [], "running": 0}


def test_a_journal_that_cannot_be_written_is_said(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    journal = str(tmp_path / "file" / "j")
    with pytest.raises(OpError, match="the search's journal") as raised:
        _run(action="open", study="j", axes={"bt": [16]}, journal=journal)
    assert raised.value.code == "STORAGE"
