"""When a changed order is another program, and when it is the same one.

The rules, for statements of one block that are next to each other in time:

1. What touches neither a copy's references nor its semaphores can be passed by its start and wait.
2. Two statements that both only start, or both only await, can change places: all of them must have
   happened before what follows, in either order.
3. A copy that starts later, or is awaited earlier, is in flight for a shorter time. In a kernel
   without races that changes nothing but time; past each other, start and wait deadlock. A start
   under a guard is one of a later trip than the wait beside it.
4. A wait may be moved only past what its memory is not used by: the destination of a copy that has
   arrived, the source of one that was sent. A start may be moved only before what its memory is
   not used by: writes of its source, uses of its destination, and, between devices, the barrier.

5. What is written to other devices' parts of a reference leaves this device's own part alone.

6. A wait takes a copy's size from its semaphore; which of the copies of one slot it names is the same.

7. Which of several copies that do not depend on each other is taken up first changes nothing but time:
   what they are sorted by after dimension and distance.

`first_conflict` gives the first statement that a rule does not let pass.
"""

from __future__ import annotations

import ast

from .copies import Copy
from .effects import Analysis, Effects, decorated
from .source import Function, Source


def title(statement: ast.stmt) -> str:
    """The first line of a statement."""
    return f"`{ast.unparse(statement).splitlines()[0]}`"


def first_conflict(analysis: Analysis, unit: ast.stmt, *, later: bool) -> ast.stmt | None:
    """The first statement of the block, after or before `unit`, that it cannot pass unnoticed;
    None where there is none, or a name would be missing on the way."""
    block = analysis.source.block_of(unit)
    place = block.index(unit)
    others = block[place + 1 :] if later else block[:place][::-1]
    mine = analysis.of(unit)
    for other in others:
        if isinstance(other, ast.Return):
            return None
        first, second = (unit, other) if later else (other, unit)
        if analysis.binds(first) & analysis.uses(second):
            return None
        if conflict(mine, analysis.of(other), later=later, guarded=_guarded(unit)):
            return other
    return None


def _guarded(unit: ast.stmt) -> bool:
    return isinstance(unit, Function) and decorated(unit, "when") is not None


def conflict(mine: Effects, other: Effects, *, later: bool, guarded: bool) -> bool:
    """Whether `mine` may not pass `other`."""
    if mine.barrier or mine.signals:
        return later and any(copy.remote for copy in other.started)
    if mine.awaited and later:
        return any(
            _needed(copy, method, other, own=copy in mine.own) for copy, method in mine.awaited
        )
    if mine.started and later:
        ours = {(copy.source, copy.destination) for copy in mine.started}
        theirs = {(copy.source, copy.destination) for copy, _ in other.awaited}
        return not guarded and bool(ours & theirs)
    if mine.started:
        return any(_made(copy, other) for copy in mine.started)
    return False


def _needed(copy: Copy, method: str, other: Effects, *, own: bool) -> bool:
    """Whether `other` uses memory that a wait has made safe."""
    touched = other.reads | other.writes
    touched |= {c.source for c in other.started} | {c.destination for c in other.started}
    written = other.own_writes if own else other.writes
    written = written | {c.destination for c in other.started if not c.remote}
    if method == "wait_send":
        return copy.source in written
    return copy.destination in touched or (method == "wait" and copy.source in written)


def _made(copy: Copy, other: Effects) -> bool:
    """Whether `other` must have happened before a copy may start."""
    if copy.remote and other.barrier:
        return True
    arrived = {c.destination for c, _ in other.awaited}
    sent = {c.source for c, _ in other.awaited}
    if copy.source in other.writes | arrived:
        return True
    return copy.destination in other.reads | other.writes | sent


def same_slot(source: Source, node: ast.BinOp, left_out: ast.expr) -> bool:
    """Whether `node` is the number of a copy that is only awaited, and without `left_out` is that of
    another copy of its slot: `copy(chunk - 2).wait()`, where the copy's slot is `chunk % 2`."""
    call = source.parents[node]
    method = source.parents.get(call)
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return False
    if not (isinstance(method, ast.Attribute) and method.attr.startswith("wait")):
        return False
    described = source.function(call.func)
    if described is None or not isinstance(left_out, ast.Constant):
        return False
    return f"% {left_out.value}]" in ast.unparse(described)


def _fields(source: Source, name: str) -> list[str]:
    """Of a class of named fields, in order."""
    classes = [
        n for tree in source.trees.values() for n in tree.body if isinstance(n, ast.ClassDef)
    ]
    fields = [
        n.target for c in classes if c.name == name for n in c.body if isinstance(n, ast.AnnAssign)
    ]
    return [field.id for field in fields if isinstance(field, ast.Name)]


# Of copies that come equally far.
ORDERS = {"away"}


def only_orders(source: Source, node: ast.expr) -> bool:
    """Whether `node` is of a number that copies are only sorted by."""
    at: ast.AST | None = node
    while at is not None and not isinstance(at, ast.stmt):
        if isinstance(at, ast.Lambda):
            return isinstance(source.parents.get(at), ast.keyword)
        parent = source.parents.get(at)
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and at in parent.args:
            fields = _fields(source, parent.func.id)
            place = parent.args.index(at)
            if place < len(fields) and fields[place] in ORDERS:
                return True
        at = parent
    targets = at.targets if isinstance(at, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id in ORDERS for target in targets)
