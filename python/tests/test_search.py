"""Ask and tell, as the sweep uses it."""

from __future__ import annotations

from typing import Any

import pytest

from moegen_worker.ops import search
from moegen_worker.wire.errors import OpError


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
    with pytest.raises(OpError, match="known: open, ask, tell"):
        _run(action="guess", study="s")
