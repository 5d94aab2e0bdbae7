"""Places of a kernel's source that start, await, signal, guard or index a copy."""

from __future__ import annotations

import ast
import dataclasses

from .copies import Copy
from .effects import AWAIT, SIGNAL, STARTS, WAITS, Analysis, called, decorated
from .source import Function, own_body


@dataclasses.dataclass(frozen=True)
class Sync:
    """A statement `copies.method()`, or a signal or wait of the barrier's semaphore.

    Attributes:
      unit: the largest statement that only starts or only awaits, which is what can be moved.
      stage: the named scope around it; None: it is in none.
      number: the statement's.
    """

    statement: ast.Expr
    method: str
    copies: tuple[Copy, ...]
    unit: ast.stmt
    stage: str | None
    number: int

    @property
    def receiver(self) -> ast.expr:
        """The expression of its copies."""
        assert isinstance(self.statement.value, ast.Call)
        assert isinstance(self.statement.value.func, ast.Attribute)
        return self.statement.value.func.value


def statements(analysis: Analysis) -> list[Sync]:
    """Every statement that synchronises, in the order of the source."""
    found = []
    for node in analysis.source.nodes:
        if not isinstance(node, ast.Expr):
            continue
        method = called(node.value)
        copies: list[Copy] = []
        if method in STARTS | WAITS:
            assert isinstance(node.value, ast.Call)
            assert isinstance(node.value.func, ast.Attribute)
            copies = analysis.copies.of(node.value.func.value)
        if copies or method in (SIGNAL, AWAIT):
            assert method is not None
            unit = unit_of(analysis, node)
            distinct = {(c.source, c.destination, c.names()): c for c in copies}
            stage, number = stage_of(analysis, node), analysis.source.numbers[node]
            found.append(Sync(node, method, tuple(distinct.values()), unit, stage, number))
    return found


def unit_of(analysis: Analysis, statement: ast.stmt) -> ast.stmt:
    """Climbs as long as what is around does nothing else, into the one call of a function."""
    source = analysis.source
    starts = called(statement.value) in STARTS if isinstance(statement, ast.Expr) else False

    def alike(other: ast.stmt) -> bool:
        method = called(other.value) if isinstance(other, ast.Expr) else None
        return other is statement or method in (STARTS if starts else WAITS)

    while True:
        parent = source.parents[statement]
        holds = isinstance(parent, ast.For | ast.With | Function)
        if not holds or not all(alike(other) for other in own_body(parent)):
            return statement
        if not isinstance(parent, Function):
            statement = parent
            continue
        if parent.decorator_list:
            statement = parent
            continue
        calls = source.calls(parent)
        if len(calls) != 1 or not isinstance(source.parents[calls[0]], ast.Expr):
            return statement
        statement = source.statement_of(calls[0])


def stage_of(analysis: Analysis, node: ast.AST, depth: int = 0) -> str | None:
    """The innermost named scope; where there is none, that of the function's calls if they agree."""
    source = analysis.source
    for around in source.ancestors(node):
        if isinstance(around, ast.With):
            call = around.items[0].context_expr
            if called(call) == "named_scope":
                assert isinstance(call, ast.Call)
                name = call.args[0]
                return name.value if isinstance(name, ast.Constant) else ast.unparse(name)
        if isinstance(around, Function) and not around.decorator_list and depth < 8:
            stages = {stage_of(analysis, call, depth + 1) for call in source.calls(around)}
            return stages.pop() if len(stages) == 1 else None
    return None


def guards(analysis: Analysis) -> list[Function]:
    """Functions under `pl.when(...)` that start or await copies."""
    return [
        node
        for node in analysis.source.nodes
        if isinstance(node, Function)
        and decorated(node, "when") is not None
        and analysis.body(node).synchronises
    ]


def ranges(analysis: Analysis) -> list[ast.For]:
    """Loops over a fixed range that start or await copies: what is ahead, or left at the end."""
    return [
        node
        for node in analysis.source.nodes
        if isinstance(node, ast.For)
        and isinstance(node.iter, ast.Call)
        and isinstance(node.iter.func, ast.Name)
        and node.iter.func.id == "range"
        and analysis.of(node).synchronises
    ]
