"""Which expressions of a kernel are numbers that it computes with, and which only say where."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .context import Context
from .copies import base
from .effects import called
from .source import Function, Source

# Functions that lay out memory, or that say which device is meant.
OUTSIDE = {
    "transport.py": {"_device_id", "_remote_copy", "barrier", "each_peer"},
    "shapes.py": {"scratch", "name_refs"},
}
# The module of the call, which runs on the host; and the end of the one name in it that does not.
CALL, BODY = "kernel.py", "_kernel"
FLOATS = {"float32", "bfloat16", "float8_e4m3fn", "int8"}
# Calls whose results are floats whatever they take.
FLOAT_CALLS = {
    "dot",
    "dot_general",
    "exp",
    "sigmoid",
    "tanh",
    "unpack",
    "unpack_sums",
    "scaled_rows",
}
INTEGER_CALLS = {"broadcasted_iota", "program_id", "axis_index"}


def functions(source: Source) -> Iterator[Function]:
    """Functions of the kernel's body, outermost ones only."""
    for file, tree in source.trees.items():
        for node in tree.body:
            if not isinstance(node, Function) or node.name in OUTSIDE.get(file, set()):
                continue
            if file != CALL or node.name.endswith(BODY):
                yield node


def expressions(source: Source) -> Iterator[ast.expr]:
    """Every expression of those, in the order of the source; not those of static sizes' own."""
    for function in functions(source):
        for node in ast.walk(function):
            if isinstance(node, ast.expr):
                yield node


def _is_shape(node: ast.AST) -> bool:
    """`x.shape` or a part of it."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Attribute) and node.attr == "shape"


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _binds(target: ast.AST, name: str) -> bool:
    return any(_is(node, name) for node in ast.walk(target))


class Kinds:
    """Tells floats from integers, as far as a kernel's source says."""

    def __init__(self, context: Context) -> None:
        self._source = context.analysis.source
        self._buffers = {b["name"]: b["dtype"] for b in context.plan["buffers"]}
        self._known: dict[ast.AST, bool] = {}

    def is_float(self, node: ast.AST, depth: int = 0) -> bool:
        """Whether an expression is a float, or an array of them; what is not told is none."""
        if node not in self._known:
            self._known[node] = False
            self._known[node] = depth < 12 and self._float(node, depth + 1)
        return self._known[node]

    def _float(self, node: ast.AST, depth: int) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, float)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return True
        if isinstance(node, ast.Compare | ast.BoolOp) or _is_shape(node):
            return False
        if isinstance(node, ast.Subscript | ast.Attribute):
            name = base(node) if isinstance(node, ast.expr) else None
            if name is not None:
                return self._buffers.get(name) in FLOATS
            return self.is_float(node.value, depth)
        if isinstance(node, ast.Name):
            return any(self.is_float(value, depth) for value in self.values(node))
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self.is_float(node.elt, depth)
        return any(self.is_float(child, depth) for child in self._source.children(node))

    def values(self, name: ast.Name) -> list[ast.expr]:
        """What a name is assigned, or what is appended to it."""
        values = list(self._source.values(name))
        for around in self._source.ancestors(name):
            if isinstance(around, ast.ListComp | ast.GeneratorExp):
                values += [g.iter for g in around.generators if _binds(g.target, name.id)]
        function = self._source.function_of(name)
        for node in self._source.walk(function) if function is not None else ():
            if isinstance(node, ast.Assign):
                values += [node.value for t in node.targets if _is(t, name.id)]
            elif called(node) == "append" and isinstance(node, ast.Call):
                assert isinstance(node.func, ast.Attribute)
                values += node.args if _is(node.func.value, name.id) else []
        return values

    def _call(self, node: ast.Call, depth: int) -> bool:
        name = called(node) or (node.func.id if isinstance(node.func, ast.Name) else "")
        if name in ("astype", "bitcast", "full", "zeros", "ones"):
            kinds = [ast.unparse(a) for a in node.args]
            if any(kind.split(".")[-1] in ("int32", "int8", "WORD") for kind in kinds):
                return False
            if any(kind.split(".")[-1] in ("float32", "bfloat16", "DTYPE") for kind in kinds):
                return True
        if name in FLOAT_CALLS:
            return True
        if name in INTEGER_CALLS:
            return False
        parts = list(node.args)
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        elif isinstance(node.func, ast.Name):
            function = self._source.function(node.func)
            if function is not None:
                returned = [
                    n.value
                    for n in self._source.walk(function)
                    if isinstance(n, ast.Return) and n.value
                ]
                return any(self.is_float(value, depth) for value in returned)
        return any(self.is_float(part, depth) for part in parts)
