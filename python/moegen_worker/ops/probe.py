"""Looks for symbols in Python files.

Params: `files` ([{path, text, symbols}]). Result: `{files: [{path, missing: {symbol: [near]}}]}`;
`broken` instead of `missing` where the text is not Python.
"""

from __future__ import annotations

import ast
from typing import Any

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
    return {"path": one["path"], "missing": missing}
