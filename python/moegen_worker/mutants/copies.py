"""The copies that a kernel's source makes: where each is described, and what it moves."""

from __future__ import annotations

import ast
import dataclasses

from .source import Function, Source

# How JAX names the parts of a copy.
LOCAL, REMOTE = "make_async_copy", "make_async_remote_copy"
PARTS = {LOCAL: ("src_ref", "dst_ref", "sem"), REMOTE: ()}


@dataclasses.dataclass(frozen=True)
class Copy:
    """One description of a copy.

    Attributes:
      node: the call that describes it.
      source, destination: names of the kernel's references.
      semaphores: by part ("sem", or "send_sem" and "recv_sem"), expressions like `r.name.at[index]`.
      device: the expression of the device that it goes to.
    """

    node: ast.Call
    source: str
    destination: str
    semaphores: tuple[tuple[str, ast.expr], ...]
    device: ast.expr | None

    @property
    def remote(self) -> bool:
        """Whether it goes to another device."""
        return self.device is not None

    def names(self) -> frozenset[str]:
        """Names of its semaphores."""
        return frozenset(filter(None, (base(e) for _, e in self.semaphores)))

    def awaited(self, method: str) -> tuple[tuple[str, ast.expr], ...]:
        """The semaphores that a method takes from; a start signals all."""
        part = {"wait_send": "send_sem", "wait_recv": "recv_sem"}.get(method)
        return tuple((p, e) for p, e in self.semaphores if part is None or p == part)


def base(node: ast.expr) -> str | None:
    """`name` of `r.name`, `r.name.at[...]`, `r.name[...]`."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr if node.value.id == "r" else None
        node = node.value
    return None


def index(node: ast.expr) -> ast.expr | None:
    """`i` of `r.name.at[i]` and of `r.name[i, ...]`."""
    if not isinstance(node, ast.Subscript):
        return None
    return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice


class Copies:
    """Copies by the expressions that mean them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def of(self, node: ast.expr, seen: frozenset[ast.AST] = frozenset()) -> list[Copy]:
        """The copies that an expression may be, or may hold; none: it is no copy."""
        if node in seen:
            return []
        seen |= {node}
        if isinstance(node, ast.Tuple | ast.List):
            return [c for part in node.elts for c in self.of(part, seen)]
        if isinstance(node, ast.Starred):
            return self.of(node.value, seen)
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            return self.of(node.elt, seen)
        if isinstance(node, ast.Name):
            return [c for value in self._source.values(node) for c in self.of(value, seen)]
        if not isinstance(node, ast.Call):
            return []
        described = self._described(node)
        if described is not None:
            return [described]
        if not isinstance(node.func, ast.Name):
            return []
        return [c for f in self.functions(node.func) for r in returned(f) for c in self.of(r, seen)]

    def functions(self, name: ast.Name, seen: frozenset[ast.AST] = frozenset()) -> list[Function]:
        """The functions that a name may mean; a parameter means what callers give."""
        function = self._source.function(name)
        if function is not None:
            return [function]
        found: list[Function] = []
        for value in self._source.values(name):
            if isinstance(value, ast.Name) and value not in seen:
                found += self.functions(value, seen | {name})
        return list(dict.fromkeys(found))

    def _described(self, call: ast.Call) -> Copy | None:
        """The copy that a call describes itself, or through a function that passes its arguments."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else None
        if name in PARTS:
            given = dict(zip(PARTS[name], call.args, strict=False))
            given |= {k.arg: k.value for k in call.keywords if k.arg is not None}
            # Inside such a function the parts are its parameters, not references.
            if any(
                isinstance(part, ast.Name) and not self._source.values(part)
                for part in given.values()
            ):
                return None
            return self._copy(call, given)
        function = self._source.function(call.func) if isinstance(call.func, ast.Name) else None
        inner = returned(function)[:1] if function is not None else []
        if not (inner and isinstance(inner[0], ast.Call)):
            return None
        method = inner[0].func
        if not (isinstance(method, ast.Attribute) and method.attr == REMOTE):
            return None
        assert function is not None
        names = [a.arg for a in function.args.args]
        arguments = dict(zip(names, call.args, strict=False))
        given = {}
        for keyword in inner[0].keywords:
            used = [n.id for n in ast.walk(keyword.value) if isinstance(n, ast.Name)]
            known = [arguments[n] for n in used if n in arguments]
            if keyword.arg is not None and known:
                given[keyword.arg] = known[0]
        return self._copy(call, given)

    def _copy(self, call: ast.Call, given: dict[str, ast.expr]) -> Copy | None:
        source, destination = (self.reference(given[part]) for part in ("src_ref", "dst_ref"))
        if source is None or destination is None:
            return None
        parts = ("sem", "send_sem", "recv_sem")
        semaphores = tuple((part, given[part]) for part in parts if part in given)
        return Copy(call, source, destination, semaphores, given.get("device_id"))

    def reference(self, node: ast.expr) -> str | None:
        """The kernel's reference that an expression is a part of."""
        if isinstance(node, ast.Name):
            found = {self.reference(value) for value in self._source.values(node)}
            return found.pop() if len(found) == 1 else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = self._source.function(node.func)
            results = returned(function) if function is not None else []
            return self.reference(results[0]) if results else None
        return base(node)


def returned(function: Function) -> list[ast.expr]:
    """What a function itself returns."""
    found: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Return) and child.value is not None:
                found.append(child.value)
            elif not isinstance(child, Function):
                visit(child)

    visit(function)
    return found
