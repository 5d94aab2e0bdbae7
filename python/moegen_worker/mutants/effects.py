"""What a statement touches: references read and written, copies started and awaited."""

from __future__ import annotations

import ast
import dataclasses

from .copies import LOCAL, Copies, Copy, base
from .source import Function, Source

STARTS, WAITS = {"start"}, {"wait", "wait_send", "wait_recv"}
SIGNAL, AWAIT = "semaphore_signal", "semaphore_wait"
# `r._replace(rows=r.rows.at[slot])` says what of a reference others see, and touches none of it.
RENAMED = "_replace"


@dataclasses.dataclass
class Effects:
    """Names of references, and copies with the method that was called."""

    reads: set[str] = dataclasses.field(default_factory=set)
    writes: set[str] = dataclasses.field(default_factory=set)
    started: list[Copy] = dataclasses.field(default_factory=list)
    awaited: list[tuple[Copy, str]] = dataclasses.field(default_factory=list)
    # Copies whose source is this device's own part of a reference that has one for each device.
    own: set[Copy] = dataclasses.field(default_factory=set)
    # References that are written outside of other devices' parts.
    own_writes: set[str] = dataclasses.field(default_factory=set)
    signals: bool = False
    barrier: bool = False

    @property
    def synchronises(self) -> bool:
        """Whether it starts or awaits a copy, signals, or is the barrier."""
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
                if self._is_own(copy, node.func.value):
                    effects.own.add(copy)
                if method in STARTS:
                    effects.started.append(copy)
                else:
                    effects.awaited.append((copy, str(method)))
        elif method == SIGNAL:
            effects.signals = True
        elif method == AWAIT:
            effects.barrier = True
        elif method in (LOCAL, RENAMED):
            return
        if isinstance(node, ast.Attribute) and base(node) is not None:
            stored = self._stored(node)
            (effects.writes if stored else effects.reads).add(node.attr)
            if stored and not self._of_peer(self.source.parents[node]):
                effects.own_writes.add(node.attr)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            for function in self.copies.functions(node):
                if function not in seen:
                    seen.add(function)
                    for statement in function.body:
                        self._add(statement, effects, seen)
        for child in self.source.children(node):
            if isinstance(child, Function) and not child.decorator_list:
                continue
            self._add(child, effects, seen)

    def _stored(self, node: ast.AST) -> bool:
        parent = self.source.parents[node]
        return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)

    # ------------------------------------------------------------------- parts of devices

    def _is_own(self, copy: Copy, receiver: ast.expr) -> bool:
        """A description `f(..., me, ...)` whose source only `me` chooses."""
        if not (isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name)):
            return False
        function = self.source.function(receiver.func)
        if function is None or not copy.node.args:
            return False
        names = [a.arg for a in function.args.args]
        # A remote copy's parts follow the sizes; see `Copies`.
        used = self.depends(copy.node.args[1], function) & set(names) - {"r", "s"}
        given = {names[i]: a for i, a in enumerate(receiver.args) if i < len(names)}
        chosen = [given.get(name) for name in used]
        return bool(chosen) and all(isinstance(a, ast.Name) and a.id == "me" for a in chosen)

    def _of_peer(self, node: ast.AST) -> bool:
        """An index that the device of a loop over the peers chooses."""
        used: set[str] = set()
        for around in self.source.ancestors(node):
            if isinstance(around, Function):
                used |= self.depends(node, around)
                if decorated(around, "each_peer") is not None:
                    return bool(used & {a.arg for a in around.args.args})
        return False

    def depends(self, node: ast.AST, function: Function) -> set[str]:
        """Names that an expression is made of, through a function's assignments."""
        used = {n.id for n in self.source.walk(node) if isinstance(n, ast.Name)}
        while True:
            more = {
                n.id
                for a in self.source.walk(function)
                if isinstance(a, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id in used for t in a.targets)
                for n in self.source.walk(a.value)
                if isinstance(n, ast.Name)
            }
            if more <= used:
                return used
            used |= more

    # -------------------------------------------------------------------------------- names

    def binds(self, statement: ast.stmt) -> set[str]:
        """Names that later statements of the block may use."""
        if isinstance(statement, Function):
            return {statement.name} - {"_"}
        targets = [n for n in self.source.walk(statement) if isinstance(n, ast.Name)]
        return {n.id for n in targets if isinstance(n.ctx, ast.Store)}

    def uses(self, statement: ast.stmt) -> set[str]:
        """Names in a statement, those that it binds included."""
        return {n.id for n in self.source.walk(statement) if isinstance(n, ast.Name)}
