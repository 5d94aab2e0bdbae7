"""The modules of a generated kernel as syntax trees, with names resolved as far as copies need."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Not part of the kernel's body.
OTHERS = {"__init__.py", "reference.py", "tiles.py", "quantization.py"}
# Starts copies, then waits for them: written out at its calls, so that each is a place of its own.
BOTH = "copy_all"

Function = ast.FunctionDef
Block = list[ast.stmt]


def own_body(function: Function | ast.With | ast.For) -> Block:
    """Statements without the docstring."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return body[1:] if documented else body


class Tree:
    """Nodes with their parents."""

    def __init__(self) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}

    def block_of(self, statement: ast.AST) -> Block:
        """The list of statements that holds one.

        Raises:
            ValueError: none does.
        """
        parent = self.parents[statement]
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        raise ValueError(f"no block holds {ast.unparse(statement)}")

    def adopt(self, tree: ast.AST) -> None:
        """Notes the parents of a tree's nodes."""
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node


class Source(Tree):
    """A package; nodes are numbered, and stay as they are."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        super().__init__()
        self.trees = trees
        self.files: dict[ast.AST, str] = {}
        self.functions: dict[str, list[Function]] = {}
        self.numbers: dict[ast.AST, int] = {}
        self._by_name: dict[str, list[ast.Call]] = {}
        self._calls: dict[ast.AST, list[ast.Call]] = {}
        self._values: dict[ast.AST, list[ast.expr]] = {}
        self._children: dict[ast.AST, list[ast.AST]] = {}
        self._below: dict[ast.AST, list[ast.AST]] = {}
        self.nodes: list[ast.AST] = []
        self.line: Callable[[ast.AST], int] = lambda node: getattr(node, "lineno", 0)
        for file, tree in trees.items():
            self.adopt(tree)
            for node in ast.walk(tree):
                self.files[node] = file
                self.numbers[node] = len(self.nodes)
                self.nodes.append(node)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    self._by_name.setdefault(node.func.id, []).append(node)
                if isinstance(node, Function):
                    self.functions.setdefault(node.name, []).append(node)

    @classmethod
    def read(cls, folder: str | Path) -> Source:
        """The modules of a package, but for those that no kernel runs (`OTHERS`)."""
        files = sorted(path for path in Path(folder).glob("*.py") if path.name not in OTHERS)
        trees = {path.name: ast.parse(path.read_text("utf-8")) for path in files}
        for tree in trees.values():
            _write_out(tree)
        return cls(trees)

    def children(self, node: ast.AST) -> list[ast.AST]:
        """As `ast.iter_child_nodes`; rules ask again and again."""
        if node not in self._children:
            self._children[node] = list(ast.iter_child_nodes(node))
        return self._children[node]

    def walk(self, node: ast.AST) -> list[ast.AST]:
        """As `ast.walk`."""
        if node not in self._below:
            found = [node]
            for one in found:
                found += self.children(one)
            self._below[node] = found
        return self._below[node]

    def at(self, node: ast.AST) -> str:
        """file:line in the text as it was generated."""
        return f"{self.files[node]}:{self.line(node)}"

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """From a node's parent to its module."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function around a node; None: its module's own."""
        return next((a for a in self.ancestors(node) if isinstance(a, Function)), None)

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around a node, or itself."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def top_of(self, node: ast.AST) -> ast.stmt:
        """The statement of a module that holds a node, or is it."""
        while not isinstance(parent := self.parents[node], ast.Module):
            node = parent
        assert isinstance(node, ast.stmt)
        return node

    def edited(self) -> Edited:
        """A copy to change."""
        return Edited(self)

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
        if function not in self._calls:
            self._calls[function] = [
                node
                for node in self._by_name.get(function.name, ())
                if isinstance(node.func, ast.Name) and self.function(node.func) is function
            ]
        return self._calls[function]

    def values(self, name: ast.Name) -> list[ast.expr]:
        """What a local name may stand for: assigned, looped over, or given by callers."""
        if name not in self._values:
            self._values[name] = self._found_values(name)
        return self._values[name]

    def _found_values(self, name: ast.Name) -> list[ast.expr]:
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
            for node in self.walk(scope):
                if isinstance(node, ast.Assign) and self.function_of(node) is scope:
                    found = _assigned(node, name.id)
                    if found is not None:
                        return [found]
                if isinstance(node, ast.For) and _is(node.target, name.id):
                    return [node.iter]
        return []


class Edited(Tree):
    """A source to change: a statement of a module is copied when a node in it is first asked for."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._nodes: dict[int, ast.AST] = {}
        # Modules with a copy in them; what is not copied is the source's own.
        self.trees: dict[str, ast.Module] = {}

    def node(self, number: int) -> ast.AST:
        """The copy of a node."""
        if number not in self._nodes:
            original = self._source.top_of(self._source.nodes[number])
            file = self._source.files[original]
            tree = self.trees.get(file)
            if tree is None:
                body = list(self._source.trees[file].body)
                tree = self.trees[file] = ast.Module(body, type_ignores=[])
            place = tree.body.index(original)
            tree.body[place] = self._copied(original, tree)
        return self._nodes[number]

    def _copied(self, original: ast.AST, parent: ast.AST) -> Any:
        """A copy with all below it; as `copy.deepcopy`, which takes three times as long."""
        made = type(original)()
        self.parents[made] = parent
        self._nodes[self._source.numbers[original]] = made
        for name, value in vars(original).items():
            if isinstance(value, ast.AST):
                value = self._copied(value, made)
            elif isinstance(value, list):
                value = [self._copied(v, made) if isinstance(v, ast.AST) else v for v in value]
            setattr(made, name, value)
        return made

    def statement(self, number: int) -> ast.stmt:
        """The copy of a statement."""
        node = self.node(number)
        assert isinstance(node, ast.stmt)
        return node

    def call(self, number: int) -> ast.Call:
        """Of a statement that is a call."""
        node = self.node(number)
        assert isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        return node.value


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
    """`copy_all(copies)` as two loops: the same program, with a start and a wait at each call."""

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
