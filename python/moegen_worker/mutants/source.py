"""The modules of a generated kernel as syntax trees, with names resolved as far as copies need."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from pathlib import Path

# Not part of the kernel's body.
OTHERS = {"__init__.py", "reference.py", "tiles.py", "quantization.py"}
# Starts copies, then waits for them: written out at its calls, so that each is a place of its own.
BOTH = "wait_all"

Function = ast.FunctionDef
Block = list[ast.stmt]


def own_body(function: Function | ast.With | ast.For) -> Block:
    """Statements without the docstring."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return body[1:] if documented else body


class Source:
    """A package; nodes are numbered, and numbers outlive a copy."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        self.trees = trees
        self.parents: dict[ast.AST, ast.AST] = {}
        self.files: dict[ast.AST, str] = {}
        self.functions: dict[str, list[Function]] = {}
        self.numbers: dict[ast.AST, int] = {}
        self.nodes: list[ast.AST] = []
        for file, tree in trees.items():
            for node in ast.walk(tree):
                self.files[node] = file
                self.numbers[node] = len(self.nodes)
                self.nodes.append(node)
                for child in ast.iter_child_nodes(node):
                    self.parents[child] = node
                if isinstance(node, Function):
                    self.functions.setdefault(node.name, []).append(node)

    @classmethod
    def read(cls, folder: str | Path) -> Source:
        files = sorted(path for path in Path(folder).glob("*.py") if path.name not in OTHERS)
        trees = {path.name: ast.parse(path.read_text("utf-8")) for path in files}
        for tree in trees.values():
            _write_out(tree)
        return cls(trees)

    def copied(self) -> Source:
        """Its own nodes, with the same numbers."""
        return Source(copy.deepcopy(self.trees))

    def at(self, node: ast.AST) -> str:
        """file:line in the text as it was generated."""
        return f"{self.files[node]}:{getattr(node, 'lineno', 0)}"

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function_of(self, node: ast.AST) -> Function | None:
        return next((a for a in self.ancestors(node) if isinstance(a, Function)), None)

    def block_of(self, statement: ast.stmt) -> Block:
        parent = self.parents[statement]
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        raise ValueError(f"no block holds {ast.unparse(statement)}")

    def statement_of(self, node: ast.AST) -> ast.stmt:
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    # ------------------------------------------------------------------------------- names

    def function(self, name: ast.Name) -> Function | None:
        """The function that a name means: the nearest around it, else a module's own."""
        for scope in self.ancestors(name):
            if isinstance(scope, Function | ast.Module):
                for statement in scope.body:
                    if isinstance(statement, Function) and statement.name == name.id:
                        return statement
        found = [f for f in self.functions.get(name.id, []) if self._top(f)]
        return found[0] if len(found) == 1 else None

    def _top(self, function: Function) -> bool:
        return isinstance(self.parents[function], ast.Module)

    def calls(self, function: Function) -> list[ast.Call]:
        """Every call of a function by its name."""
        return [
            node
            for node in self.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == function.name
            and self.function(node.func) is function
        ]

    def values(self, name: ast.Name) -> list[ast.expr]:
        """What a local name may stand for: assigned, looped over, or given by callers."""
        for scope in self.ancestors(name):
            if isinstance(scope, ast.For | ast.comprehension) and _is(scope.target, name.id):
                return [scope.iter]
            if not isinstance(scope, Function):
                continue
            arguments = scope.args
            names = [a.arg for a in arguments.args]
            if arguments.vararg is not None and arguments.vararg.arg == name.id:
                return [a for call in self.calls(scope) for a in call.args[len(names) :]]
            if name.id in names:
                place = names.index(name.id)
                return [c.args[place] for c in self.calls(scope) if len(c.args) > place]
            for node in ast.walk(scope):
                if isinstance(node, ast.Assign) and self.function_of(node) is scope:
                    found = _assigned(node, name.id)
                    if found is not None:
                        return [found]
                if isinstance(node, ast.For) and _is(node.target, name.id):
                    return [node.iter]
        return []


def _is(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _assigned(node: ast.Assign, name: str) -> ast.expr | None:
    for target in node.targets:
        if _is(target, name):
            return node.value
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for part, value in zip(target.elts, node.value.elts, strict=True):
                if _is(part, name):
                    return value
    return None


def _write_out(tree: ast.Module) -> None:
    """`wait_all(copies)` as two loops: the same program, with a start and a wait at each call."""

    class Writer(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
            call = node.value
            if not (isinstance(call, ast.Call) and _is(call.func, BOTH)):
                return node
            loops = []
            for method in ("start", "wait"):
                copies = ast.unparse(ast.Tuple(call.args, ast.Load()))
                loop = ast.parse(f"for copy in {copies}:\n    copy.{method}()").body[0]
                for part in ast.walk(loop):
                    if hasattr(part, "lineno"):
                        part.lineno = node.lineno
                loops.append(loop)
            return loops

    Writer().visit(tree)
    tree.body = [s for s in tree.body if not (isinstance(s, Function) and s.name == BOTH)]
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            statement.names = [n for n in statement.names if n.name != BOTH] or statement.names
