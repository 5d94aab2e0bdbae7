"""Edits of Python files: what they change, what they leave, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from moegen_worker.ops import edit, probe
from moegen_worker.wire.errors import OpError

SOURCE = """\
import logging
from enum import Enum

from tree.layers.linear import LinearBase
from tree.layers.moe import EPMoE

logger = logging.getLogger(__name__)


class Kind(str, Enum):  # kept
    AUTO = "auto"


class Model:
    def __init__(
        self,
        path: str,
        layers: int | None = None,
    ) -> None:
        # Why it is so.
        self.path = path
        if layers:
            with mesh:
                self.mlp = EPMoE(
                    config=config,  # the config
                    experts=8,  # eight
                )
        self.layers = layers

    def mapping(self):
        for name in ["gate", "up"]:
            self.add(name)
        return self.kind in ("fused", "other")

    @staticmethod
    def make(args, **kwargs):
        return Model(
            path=args.path,
            **kwargs,
        )
"""


def edited(edits: list[dict[str, Any]], text: str = SOURCE) -> str:
    params = {"files": [{"path": "m.py", "text": text, "edits": edits}], "firstParty": ["tree"]}
    (file,) = edit.run(params, None)["files"]
    return str(file["text"])


def problem(edits: list[dict[str, Any]], text: str = SOURCE) -> dict[str, Any]:
    with pytest.raises(OpError) as caught:
        edited(edits, text)
    assert caught.value.code == "ANCHOR"
    (one,) = caught.value.detail["problems"]
    return dict(one)


INIT = "Model.__init__"
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "insert a class": (
        {
            "edit": "insert",
            "where": "after",
            "at": {"statement": "class Kind(...): ..."},
            "code": "class Backend(Enum):\n    A = 1",
        },
        '    AUTO = "auto"\n\n\n',
        '    AUTO = "auto"\n\n\nclass Backend(Enum):\n    A = 1\n\n\n',
    ),
    "insert before, comment kept": (
        {
            "edit": "insert",
            "where": "before",
            "at": {"in": INIT, "statement": "self.path = ..."},
            "code": "# Ours.\nself.kind = 'a'",
        },
        "        # Why it is so.\n",
        '        # Ours.\n        self.kind = "a"\n        # Why it is so.\n',
    ),
    "parameter last": (
        {"edit": "parameter", "function": INIT, "code": "kind: Kind = Kind.AUTO"},
        "        layers: int | None = None,\n",
        "        layers: int | None = None,\n        kind: Kind = Kind.AUTO,\n",
    ),
    "parameter after": (
        {"edit": "parameter", "function": INIT, "after": "path", "code": "size: int"},
        "        path: str,\n",
        "        path: str,\n        size: int,\n",
    ),
    "argument before kwargs": (
        {
            "edit": "argument",
            "at": {"in": "Model.make", "expression": "Model(...)"},
            "code": "kind=args.kind",
        },
        "            path=args.path,\n",
        "            path=args.path,\n            kind=args.kind,\n",
    ),
    "argument last": (
        {
            "edit": "argument",
            "at": {"in": INIT, "expression": "EPMoE(...)"},
            "code": "mesh=mesh",
        },
        "                    experts=8,  # eight\n",
        "                    experts=8,  # eight\n                    mesh=mesh,\n",
    ),
    "import of a name": (
        {"edit": "import", "code": "from tree.layers.moe import Gate"},
        "from tree.layers.moe import EPMoE\n",
        "from tree.layers.moe import EPMoE, Gate\n",
    ),
    "import of a module": (
        {"edit": "import", "code": "from tree.layers.fused import Fused"},
        "from tree.layers.linear",
        "from tree.layers.fused import Fused\nfrom tree.layers.linear",
    ),
    "branch": (
        {
            "edit": "branch",
            "at": {"in": "Model.mapping", "statement": "for name in ...: ..."},
            "condition": "self.fused",
            "code": "self.add_all()",
        },
        '        for name in ["gate", "up"]:\n            self.add(name)\n',
        "        if self.fused:\n            self.add_all()\n        else:\n"
        '            for name in ["gate", "up"]:\n                self.add(name)\n',
    ),
    "rewrite": (
        {
            "edit": "rewrite",
            "at": {"in": "Model.mapping", "expression": "self.kind in ..."},
            "code": 'self.kind == "fused"',
        },
        'self.kind in ("fused", "other")',
        'self.kind == "fused"',
    ),
    "element": (
        {
            "edit": "element",
            "at": {"in": "Model.mapping", "expression": '("fused", ...)'},
            "code": '"made"',
        },
        '("fused", "other")',
        '("fused", "other", "made")',
    ),
    "replace": (
        {
            "edit": "replace",
            "at": {"in": INIT, "statement": "self.layers = layers"},
            "code": "self.layers = layers or 1",
        },
        "self.layers = layers\n",
        "self.layers = layers or 1\n",
    ),
    "append a method": (
        {
            "edit": "append",
            "in": "Model",
            "code": "\ndef more(self):\n    return 1",
        },
        "            **kwargs,\n        )\n",
        "            **kwargs,\n        )\n\n    def more(self):\n        return 1\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_changes_one_place_and_nothing_else(name: str) -> None:
    change, old, new = CASES[name]
    assert SOURCE.count(old) == 1
    assert edited([change]) == SOURCE.replace(old, new)


@pytest.mark.parametrize("name", CASES)
def test_done_twice_is_done_once(name: str) -> None:
    once = edited([CASES[name][0]])
    assert edited([CASES[name][0]], once) == once
    assert edited([CASES[name][0], CASES[name][0]]) == once


@pytest.mark.parametrize("name", CASES)
def test_an_import_joins_another_after_any_edit(name: str) -> None:
    """The import is of the module, not of the scope that the edit before it looked at."""
    change, old, new = CASES[name]
    joined = {"edit": "import", "code": "from enum import unique"}
    both = SOURCE.replace(old, new).replace("import Enum", "import Enum, unique")
    assert edited([change, joined]) == both


def test_all_together_in_any_round() -> None:
    # The rewritten expression is the one that the new element goes into.
    every = [change for name, (change, _, _) in CASES.items() if name != "rewrite"]
    once = edited(every)
    assert edited(every, once) == once
    compile(once, "m.py", "exec")


def test_a_wrapped_statement_keeps_its_comments_and_is_laid_out_again() -> None:
    change = {
        "edit": "branch",
        "at": {"in": INIT, "statement": "with mesh:\n    self.mlp = EPMoE(...)"},
        "condition": "fused",
        "code": "self.mlp = Fused()",
    }
    text = edited([change])
    assert "                    self.mlp = EPMoE(\n" in text
    assert "config=config,  # the config\n" in text


def test_a_missing_place_is_named_with_what_is_there() -> None:
    change = {
        "edit": "insert",
        "where": "after",
        "at": {"in": INIT, "statement": "self.paths = path"},
        "code": "x = 1",
    }
    found = problem([change])
    assert found["path"] == "m.py"
    assert found["symbol"] == INIT
    assert found["problem"] == "Model.__init__ has no statement `self.paths = path`"
    assert "line 21: self.path = path" in found["found"]


def test_a_missing_symbol_is_named_with_its_neighbours() -> None:
    found = problem([{"edit": "parameter", "function": "Model.__int__", "code": "a: int = 1"}])
    assert found["problem"] == "Model has no __int__"
    assert "__init__" in found["found"]


def test_an_ambiguous_place_is_refused_with_all_of_them() -> None:
    text = SOURCE.replace(
        "self.layers = layers\n", "self.layers = layers\n        self.path = path\n"
    )
    change = {
        "edit": "insert",
        "where": "after",
        "at": {"in": INIT, "statement": "self.path = ..."},
        "code": "x = 1",
    }
    found = problem([change], text)
    assert "2 statements" in found["problem"]
    assert len(found["found"]) == 2


def test_another_parameter_of_that_name_is_refused() -> None:
    found = problem([{"edit": "parameter", "function": INIT, "code": "layers: str = 'a'"}])
    assert found["found"] == ["layers: int | None = None"]


def test_all_problems_come_at_once() -> None:
    wrong = {"edit": "parameter", "function": "Nope", "code": "a: int = 1"}
    with pytest.raises(OpError) as caught:
        edited([wrong, CASES["replace"][0], wrong])
    assert len(caught.value.detail["problems"]) == 2


def test_a_file_that_was_not_clean_is_not_reformatted() -> None:
    text = SOURCE + "x  =  1\n"
    change, old, new = CASES["rewrite"]
    assert edited([change], text) == text.replace(old, new)


def test_probes_name_what_is_missing_and_what_is_near() -> None:
    symbols = [
        "Model.__init__(layers)",
        "Kind.AUTO",
        "Model.mappin",
        "Model.__init__(kind)",
        "logger",
    ]
    params = {"files": [{"path": "m.py", "text": SOURCE, "symbols": symbols}]}
    (file,) = probe.run(params, None)["files"]
    assert file["missing"] == {
        "Model.mappin": ["Model.mapping"],
        "Model.__init__(kind)": ["Model.__init__(self, path, layers)"],
    }


def test_a_probe_of_broken_python_says_where() -> None:
    params = {"files": [{"path": "m.py", "text": "a = (\n", "symbols": ["a"]}]}
    (file,) = probe.run(params, None)["files"]
    assert file["broken"].startswith("line 1:")
