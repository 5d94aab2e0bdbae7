"""Where a place of the package that runs is in the one that is served with: the same text, larger
sizes."""

from __future__ import annotations

import ast
import collections

from .source import Function, Source

Key = tuple[str, str, str]
HEADED = (ast.For, ast.With, ast.If, ast.While)


class Places:
    """Lines of `served` by the nodes of `run`."""

    def __init__(self, run: Source, served: Source) -> None:
        self._run = run
        self._own = _nodes(run)
        self._lines = {
            key: [getattr(node, "lineno", 0) for node in nodes]
            for key, nodes in _nodes(served).items()
        }

    def line(self, node: ast.AST) -> int:
        """That of the same text in the same function; where the sizes change it, of what is
        around it."""
        for one in (node, *self._run.ancestors(node)):
            if not isinstance(one, ast.stmt | ast.Subscript | ast.Call):
                continue
            key = _key(self._run, one)
            own, lines = self._own[key], self._lines.get(key, [])
            if len(own) == len(lines):
                return lines[own.index(one)]
        return 1


def _nodes(source: Source) -> dict[Key, list[ast.AST]]:
    found: dict[Key, list[ast.AST]] = collections.defaultdict(list)
    for node in source.nodes:
        if isinstance(node, ast.stmt | ast.Subscript | ast.Call):
            found[_key(source, node)].append(node)
    return found


def _key(source: Source, node: ast.AST) -> Key:
    around = [a.name for a in source.ancestors(node) if isinstance(a, Function)]
    return source.files[node], ".".join(reversed(around)), _head(node)


def _head(node: ast.AST) -> str:
    """The text of a node without its body."""
    if isinstance(node, Function):
        return " ".join([node.name, *map(ast.unparse, node.decorator_list)])
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, HEADED):
        parts = [value for name, value in ast.iter_fields(node) if name not in ("body", "orelse")]
        return f"{type(node).__name__} {parts and ast.dump(ast.Tuple(_flat(parts), ast.Load()))}"
    return ast.unparse(node)


def _flat(parts: list[object]) -> list[ast.expr]:
    flat: list[ast.expr] = []
    for part in parts:
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, ast.withitem):
                flat.append(one.context_expr)
            elif isinstance(one, ast.expr):
                flat.append(one)
    return flat
