"""Patterns: Python compared as a syntax tree, in which `...` stands for anything."""

from __future__ import annotations

import ast
from typing import Any


def _is_wildcard(node: Any) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _same_list(pattern: list[Any], nodes: list[Any]) -> bool:
    """A wildcard at the end takes the rest; alone in a body it takes the body."""
    if pattern and _is_wildcard(pattern[-1]):
        pattern = pattern[:-1]
        nodes = nodes[: len(pattern)]
    return len(pattern) == len(nodes) and all(map(matches, pattern, nodes))


def _same_call(pattern: ast.Call, node: ast.Call) -> bool:
    """Keywords in any order; with a wildcard among the arguments there may be more of both."""
    open_ended = any(map(_is_wildcard, pattern.args))
    args = [arg for arg in pattern.args if not _is_wildcard(arg)]
    if not matches(pattern.func, node.func) or len(args) > len(node.args):
        return False
    if not open_ended and (len(args), len(pattern.keywords)) != (
        len(node.args),
        len(node.keywords),
    ):
        return False
    there = {keyword.arg: keyword.value for keyword in node.keywords}
    return all(map(matches, args, node.args)) and all(
        keyword.arg in there and matches(keyword.value, there[keyword.arg])
        for keyword in pattern.keywords
    )


def _same_definition(pattern: Any, node: Any) -> bool:
    """`class X(...): ...` and `def f(...): ...`: any bases, parameters, decorators, result."""
    if pattern.name != node.name or not _same_list(pattern.body, node.body):
        return False
    if isinstance(pattern, ast.ClassDef):
        return _same_list(pattern.bases, node.bases)
    return True


def matches(pattern: Any, node: Any) -> bool:
    """Whether a syntax tree is one that the pattern describes."""
    if isinstance(pattern, list):
        return isinstance(node, list) and _same_list(pattern, node)
    if not isinstance(pattern, ast.AST):
        return pattern == node
    if _is_wildcard(pattern):
        return node is not None
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, ast.Call):
        return _same_call(pattern, node)
    if isinstance(pattern, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return _same_definition(pattern, node)
    # `if c: ...` may have any `else`; whether a name is read or written follows from its place.
    skipped = {"ctx", "type_comment", "kind"}
    if isinstance(pattern, (ast.If, ast.For, ast.While)) and not pattern.orelse:
        skipped.add("orelse")
    return all(
        matches(value, getattr(node, field, None))
        for field, value in ast.iter_fields(pattern)
        if field not in skipped
    )


def statements(code: str) -> list[ast.stmt]:
    """The statements of a text."""
    return ast.parse(code).body


def statement(code: str) -> ast.stmt:
    """The one statement of a pattern; `x: ... = ...` and others may have wildcards."""
    (only,) = statements(code)
    return only


def expression(code: str) -> ast.expr:
    """The expression of a pattern."""
    return ast.parse(code, mode="eval").body


def equal(left: list[ast.stmt], right: list[ast.stmt]) -> bool:
    """Whether two runs of statements are the same program text, comments and layout apart."""
    return list(map(ast.dump, left)) == list(map(ast.dump, right))
