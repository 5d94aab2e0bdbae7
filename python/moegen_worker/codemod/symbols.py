"""Which symbols a Python file defines, for the probes of a target tree."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any

NEAR = 4


def _bodies(node: Any) -> list[Any]:
    """Statements of a body, those inside `if`, `try` and `with` too."""
    found = []
    for child in node:
        found.append(child)
        if isinstance(child, (ast.If, ast.Try, ast.With)):
            for field in ("body", "orelse", "finalbody"):
                found += _bodies(getattr(child, field, []))
    return found


def _members(body: list[Any]) -> dict[str, Any]:
    """Name to definition; None for an assigned name."""
    members: dict[str, Any] = {}
    for node in _bodies(body):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            members[node.name] = node
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            members.update(dict.fromkeys(names))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            members[node.target.id] = None
    return members


def _parameters(node: Any) -> list[str]:
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [arg.arg for arg in plain]


def look_up(tree: ast.Module, symbol: str) -> list[str] | None:
    """None when the symbol is there, else the nearest names that are. A symbol: `a.b`, or
    `a.f(parameter)`.

    Raises:
        ValueError: it is no such text.
    """
    match = re.fullmatch(r"([\w.]+)(?:\((\w+)\))?", symbol)
    if match is None:
        raise ValueError(f"{symbol!r} is no symbol")
    path, parameter = match.groups()
    body: list[Any] = tree.body
    node: Any = None
    walked = ""
    for name in path.split("."):
        members = _members(body)
        if name not in members:
            near = difflib.get_close_matches(name, members, NEAR, 0.5) or list(members)[:NEAR]
            return [f"{walked}{one}" for one in near]
        node = members[name]
        body = getattr(node, "body", [])
        walked += f"{name}."
    if parameter is None:
        return None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [f"{path} (no function)"]
    parameters = _parameters(node)
    return None if parameter in parameters else [f"{path}({', '.join(parameters)})"]
