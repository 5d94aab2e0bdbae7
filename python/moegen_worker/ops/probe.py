"""Looks for symbols in Python files.

Params: `files` ([{path, text, symbols, places?}]). Result: `{files: [{path, missing: {symbol: [near]},
places: [{problem, found} | null]}]}`; `broken` instead of both where the text is not Python. A place is
`{in?, statement}` or `{in?, expression}` as in an edit; null says that it is there, once.
"""

from __future__ import annotations

import ast
from typing import Any

from ..codemod.places import AnchorError, File
from ..codemod.symbols import look_up


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Looks for each file's symbols; a file that is no Python costs only itself."""
    del emit
    return {"files": [_probe(one) for one in params["files"]]}


def _probe(one: dict[str, Any]) -> dict[str, Any]:
    try:
        tree = ast.parse(str(one["text"]))
    except SyntaxError as error:
        return {"path": one["path"], "broken": f"line {error.lineno}: {error.msg}"}
    near = {str(symbol): look_up(tree, str(symbol)) for symbol in one["symbols"]}
    missing = {symbol: names for symbol, names in near.items() if names is not None}
    places = one.get("places") or []
    # LibCST is slow: only where a place is asked for.
    file = File(str(one["text"])) if places else None
    found = [_place(file, place) for place in places] if file else []
    return {"path": one["path"], "missing": missing, "places": found}


def _place(file: File, place: dict[str, Any]) -> dict[str, Any] | None:
    """None where it is the only one, else why it is not."""
    try:
        if "statement" in place:
            file.statement(place.get("in"), place["statement"])
        else:
            file.expression(place.get("in"), place["expression"])
    except AnchorError as error:
        return {"problem": error.problem, "found": error.found}
    return None
