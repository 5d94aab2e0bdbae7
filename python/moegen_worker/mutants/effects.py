"""What a statement touches: references read and written, copies started and awaited."""

from __future__ import annotations

import ast
import dataclasses

from .copies import LOCAL, Copies, Copy, base
from .source import Function, Source

STARTS, WAITS = {"start"}, {"wait", "wait_send", "wait_recv"}
SIGNAL, AWAIT = "semaphore_signal", "semaphore_wait"


@dataclasses.dataclass
class Effects:
    """Names of references, and copies with the method that was called."""

    reads: set[str] = dataclasses.field(default_factory=set)
    writes: set[str] = dataclasses.field(default_factory=set)
    started: list[Copy] = dataclasses.field(default_factory=list)
    awaited: list[tuple[Copy, str]] = dataclasses.field(default_factory=list)
    signals: bool = False
    barrier: bool = False

    @property
    def synchronises(self) -> bool:
        return bool(self.started or self.awaited or self.signals or self.barrier)


def called(node: ast.AST) -> str | None:
    """`name` of a call `x.name(...)`."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node.func.attr if is_method else None


def decorated(node: ast.AST, name: str) -> ast.Call | None:
    """The decorator `pl.name(...)` or `name(...)` of a function that so runs where it stands."""
    if isinstance(node, Function):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                function = decorator.func
                given = function.attr if isinstance(function, ast.Attribute) else None
                given = function.id if isinstance(function, ast.Name) else given
                if given == name:
                    return decorator
    return None


class Analysis:
    """Effects of statements, through the functions that they call."""

    def __init__(self, source: Source) -> None:
        self.source, self.copies = source, Copies(source)
        self._known: dict[ast.AST, Effects] = {}

    def of(self, node: ast.AST) -> Effects:
        """A function that is only defined does nothing."""
        if node not in self._known:
            effects = Effects()
            if not (isinstance(node, Function) and not node.decorator_list):
                self._add(node, effects, set())
            self._known[node] = effects
        return self._known[node]

    def body(self, function: Function) -> Effects:
        """Those of a function's body, whether or not it runs where it stands."""
        effects = Effects()
        for statement in function.body:
            self._add(statement, effects, {function})
        return effects

    def _add(self, node: ast.AST, effects: Effects, seen: set[ast.AST]) -> None:
        method = called(node)
        if method in STARTS | WAITS:
            assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            for copy in self.copies.of(node.func.value):
                if method in STARTS:
                    effects.started.append(copy)
                else:
                    effects.awaited.append((copy, str(method)))
        elif method == SIGNAL:
            effects.signals = True
        elif method == AWAIT:
            effects.barrier = True
        elif method == LOCAL:
            return
        if isinstance(node, ast.Attribute) and base(node) is not None:
            stored = self._stored(node)
            (effects.writes if stored else effects.reads).add(node.attr)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            for function in self.copies.functions(node):
                if function not in seen:
                    seen.add(function)
                    for statement in function.body:
                        self._add(statement, effects, seen)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function) and not child.decorator_list:
                continue
            self._add(child, effects, seen)

    def _stored(self, node: ast.AST) -> bool:
        parent = self.source.parents[node]
        return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)

    # -------------------------------------------------------------------------------- names

    def binds(self, statement: ast.stmt) -> set[str]:
        """Names that later statements of the block may use."""
        if isinstance(statement, Function):
            return {statement.name} - {"_"}
        targets = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        return {n.id for n in targets if isinstance(n.ctx, ast.Store)}

    def uses(self, statement: ast.stmt) -> set[str]:
        return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
