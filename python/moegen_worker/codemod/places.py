"""Finding the one place of an edit in a LibCST tree."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from . import pattern

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
Scope = cst.Module | cst.ClassDef | cst.FunctionDef
# What is said of places that are alike, and how alike they must be.
NEAR, LIKENESS = 3, 0.5


class AnchorError(Exception):
    """A place that is missing or not the only one: what was sought where, and what was found."""

    def __init__(self, symbol: str, sought: str, problem: str, found: Sequence[str]) -> None:
        super().__init__(problem)
        self.symbol = symbol
        self.sought = sought
        self.problem = problem
        self.found = list(found)


class File:
    """One file while it is edited. Nodes are found by identity: each edit makes a new tree."""

    def __init__(self, text: str) -> None:
        self.module = cst.parse_module(text)
        # From the module to the scope looked at last, which holds what is swapped next.
        self._chain: list[Scope] = [self.module]

    def swap(self, old: cst.CSTNode, new: Any) -> None:
        """Puts a node, or a run of statements, in the place of a node of the last scope.

        Raises:
            RuntimeError: the node is not in that scope.
        """
        module, *chain = self._chain
        if any(node is old for node in self.module.body):
            run = list(new.nodes) if isinstance(new, cst.FlattenSentinel) else [new]
            body = [part for node in self.module.body for part in (run if node is old else [node])]
            self.module = self.module.with_changes(body=body)
        elif old is module:
            self.module = new
        else:
            swap = _Swap(old, new, chain)
            self.module = cst.ensure_type(self.module.visit(swap), cst.Module)
            if not swap.done:
                raise RuntimeError(f"not in the scope looked at last: {self.code(old)}")

    def look_at_module(self) -> None:
        """What is swapped next is at the module's top, whatever was looked at before."""
        self._chain = [self.module]

    def code(self, node: cst.CSTNode) -> str:
        """Source of a node, comments and blank lines before it included."""
        return self.module.code_for_node(node)

    def parse(self, code: str) -> list[Statement]:
        """Statements of a text, with the comments and blank lines before the first."""
        module = cst.parse_module(code.rstrip("\n") + "\n", self.module.config_for_parsing)
        body = list(module.body)
        if body and module.header:
            body[0] = body[0].with_changes(leading_lines=[*module.header, *body[0].leading_lines])
        return body

    def syntax(self, node: cst.CSTNode) -> list[ast.stmt]:
        """A node as Python's own syntax tree, for patterns."""
        return pattern.statements(self.code(node).strip("\n"))

    def lines_of(self, nodes: Sequence[cst.CSTNode]) -> list[str]:
        """Each node by its line and first line of text."""
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        positions = wrapper.resolve(PositionProvider)
        return [
            f"line {positions[node].start.line}: {self._head(node)}"
            for node in nodes
            if node in positions
        ]

    def _head(self, node: cst.CSTNode) -> str:
        lines = [line.strip() for line in self.code(node).splitlines()]
        return next((line for line in lines if line and not line.startswith("#")), "")

    def scope(self, symbol: str | None) -> Scope:
        """The class or function with a dotted name; None: the module. It becomes the last scope.

        Raises:
            AnchorError: it is not there, or there are several.
        """
        here: Scope = self.module
        self._chain = [here]
        walked: list[str] = []
        for name in (symbol or "").split(".") if symbol else ():
            inside = list(definitions(here))
            found = [node for node in inside if node.name.value == name]
            if len(found) != 1:
                where = ".".join(walked) or "the module"
                problem = f"{where} has {len(found) or 'no'} {name}"
                near = [node.name.value for node in inside] if not found else self.lines_of(found)
                if not found:
                    near = difflib.get_close_matches(name, near, NEAR, LIKENESS) or near
                raise AnchorError(symbol or "", name, problem, near)
            here = found[0]
            self._chain.append(here)
            walked.append(name)
        return here

    def statement(self, symbol: str | None, text: str) -> tuple[Statement, cst.CSTNode]:
        """The one statement that a pattern describes, and the block that holds it."""
        wanted = pattern.statement(text)
        kind = type(self.parse(text)[0])
        inside = list(blocks(self.scope(symbol)))
        found = [
            (node, block)
            for block in inside
            for node in block.body
            if isinstance(node, kind)
            and _is_one(syntax := self.syntax(node))
            and pattern.matches(wanted, syntax[0])
        ]
        if len(found) == 1:
            return found[0]
        every = [node for block in inside for node in block.body]
        self._refuse(symbol, text, "statement", [node for node, _ in found], every)

    def expression(self, symbol: str | None, text: str) -> cst.BaseExpression:
        """The one expression that a pattern describes."""
        found = self.expressions(symbol, text)
        if len(found) == 1:
            return found[0]
        kind = type(cst.parse_expression(text))
        every = [node for node in expressions(self.scope(symbol)) if isinstance(node, kind)]
        self._refuse(symbol, text, "expression", found, every)

    def expressions(self, symbol: str | None, text: str) -> list[cst.BaseExpression]:
        """All expressions that a pattern describes."""
        wanted, kind = pattern.expression(text), type(cst.parse_expression(text))
        return [
            node
            for node in expressions(self.scope(symbol))
            if isinstance(node, kind) and pattern.matches(wanted, self.value(node))
        ]

    def value(self, node: cst.BaseExpression) -> ast.expr:
        """An expression as Python's own syntax tree, for patterns."""
        # Parentheses make one line of several.
        return pattern.expression(f"({self.code(node)}\n)")

    def _refuse(
        self, symbol: str | None, text: str, what: str, found: list[Any], every: list[Any]
    ) -> Any:
        head = text.splitlines()[0]
        where = symbol or "the module"
        if found:
            problem = f"{where} has {len(found)} {what}s `{head}`, expected one"
            raise AnchorError(symbol or "", text, problem, self.lines_of(found))
        ratios = [
            (difflib.SequenceMatcher(None, head, self._head(node)).ratio(), index)
            for index, node in enumerate(every)
        ]
        best = sorted((pair for pair in ratios if pair[0] >= LIKENESS), reverse=True)[:NEAR]
        problem = f"{where} has no {what} `{head}`"
        near = self.lines_of([every[index] for _, index in best])
        raise AnchorError(symbol or "", text, problem, near)


class _Swap(cst.CSTTransformer):
    """Replaces a node by identity; looks into no statement but those that lead to its scope."""

    def __init__(self, old: cst.CSTNode, new: Any, chain: list[Any]) -> None:
        super().__init__()
        self._old, self._new, self._chain = old, new, chain
        self._inside = not chain
        self.done = False

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._inside or not isinstance(node, Statement):
            return True
        if self._chain and node is self._chain[-1]:
            self._inside = True
            return True
        return any(node is one for one in self._chain) or self._leads_on(node)

    def _leads_on(self, node: cst.CSTNode) -> bool:
        """A class or function of the chain may stand in an `if` or a `try`."""
        return isinstance(node, (cst.If, cst.Try, cst.With))

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        if self._chain and original_node is self._chain[-1]:
            self._inside = False
        if original_node is not self._old:
            return updated_node
        self.done = True
        return self._new


def _is_one(syntax: list[ast.stmt]) -> bool:
    return len(syntax) == 1


def blocks(scope: Scope) -> Iterator[cst.Module | cst.IndentedBlock]:
    """The body of a scope and the blocks nested in it, but not those of other definitions."""
    body: Any = scope if isinstance(scope, cst.Module) else scope.body
    yield from _blocks(body)


def _blocks(block: Any) -> Iterator[Any]:
    if not isinstance(block, (cst.Module, cst.IndentedBlock)):
        return
    yield block
    for node in block.body:
        if not isinstance(node, (cst.ClassDef, cst.FunctionDef)):
            yield from _nested(node)


def _nested(node: cst.CSTNode) -> Iterator[Any]:
    for child in node.children:
        if isinstance(child, cst.IndentedBlock):
            yield from _blocks(child)
        elif isinstance(child, (cst.If, cst.Else, cst.Finally, cst.ExceptHandler)):
            yield from _nested(child)


def definitions(scope: Scope) -> Iterator[cst.ClassDef | cst.FunctionDef]:
    """Classes and functions defined in a scope."""
    for block in blocks(scope):
        for node in block.body:
            if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
                yield node


def expressions(scope: Scope) -> Iterator[cst.BaseExpression]:
    """Every expression below a scope."""
    for child in scope.children:
        if isinstance(child, cst.BaseExpression):
            yield child
        yield from expressions(child)  # type: ignore[arg-type]
