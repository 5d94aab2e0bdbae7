"""Semaphores and slots: another one than the plan's, at one place.

A semaphore that is renamed at its start and at its wait alike is the same program, so each is
changed at one of them. Semaphores that are one for each device, and all awaited together, can be
any permutation of them, or one: that is not made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .context import Context, Found
from .copies import base, index
from .effects import decorated
from .mutant import expression, replace
from .sites import Sync
from .source import Edited, Function

# Fields of JAX's description of a copy.
FIELDS = {"sem": "dst_sem", "recv_sem": "dst_sem", "send_sem": "src_sem"}
CHANGES = (("moved", "({0} + 1) % r.{1}.shape[0]"), ("dropped", "0"))


def made(context: Context) -> Iterator[Found]:
    """Faults at every semaphore and slot that has a neighbour."""
    yield from _neighbours(context)
    yield from _one_for_all(context)
    yield from _slots(context)
    yield from _arguments(context)


def _neighbours(context: Context) -> Iterator[Found]:
    """At one start or wait, the next semaphore of the plan that there are as many of."""
    counts = context.semaphores()
    order = list(counts)
    for sync in context.syncs:
        for one in sync.copies:
            for part, node in one.awaited(sync.method):
                name = base(node)
                alike = [n for n in order if n in counts and counts[n] == counts.get(name or "")]
                if name is None or len(alike) < 2:
                    continue
                other = alike[(alike.index(name) + 1) % len(alike)]

                def edit(
                    changed: Edited,
                    number: int = sync.number,
                    text: str = f"r.{one.source}, '{FIELDS[part]}', r.{other}",
                ) -> None:
                    method = changed.call(number).func
                    assert isinstance(method, ast.Attribute)
                    method.value = expression(f"elsewhere({ast.unparse(method.value)}, {text})")

                what = f"`{ast.unparse(sync.statement)}` on {other} for {name}"
                yield Found("semaphore", "swapped", what, sync.statement, sync, edit, (one,))


def _one_for_all(context: Context) -> Iterator[Found]:
    """The first semaphore in the place of all slots'."""
    counts = context.semaphores()
    together = {
        name
        for sync in context.syncs
        if sync.method != "start" and _for_each_peer(context, sync)
        for one in sync.copies
        for name in one.names()
    }
    seen = set()
    for sync in context.syncs:
        for one in sync.copies:
            for _, node in one.semaphores:
                name, at = base(node), index(node)
                if name is None or at is None or node in seen or name in together:
                    continue
                seen.add(node)
                if counts.get(name, 1) > 1 and not isinstance(at, ast.Constant):
                    edit = _instead(context, at, "0")
                    what = f"`{ast.unparse(node)}` is `r.{name}.at[0]`"
                    yield Found("semaphore", "dropped", what, node, sync, edit, (one,))


def _for_each_peer(context: Context, sync: Sync) -> bool:
    around = context.analysis.source.ancestors(sync.statement)
    return any(decorated(node, "each_peer") is not None for node in around)


def _slots(context: Context) -> Iterator[Found]:
    """Another slot, and always the first, at each place that names one."""
    source, slots = context.analysis.source, context.slots()
    for node in source.nodes:
        if not isinstance(node, ast.Subscript) or base(node) not in slots:
            continue
        name, at = base(node), index(node)
        if at is None or isinstance(at, ast.Slice | ast.Constant):
            continue
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            continue
        syncs = [s for s in context.syncs for c in s.copies if node in ast.walk(c.node)]
        for change, text in CHANGES:
            instead = text.format(f"({ast.unparse(at)})", name)
            what = f"slot `{ast.unparse(at)}` of {name} is `{instead}`"
            sync = syncs[0] if syncs else None
            copies = tuple(c for c in sync.copies if node in ast.walk(c.node)) if sync else None
            yield Found("slot", change, what, node, sync, _instead(context, at, instead), copies)


def _instead(context: Context, node: ast.AST, text: str):
    number = context.analysis.source.numbers[node]

    def edit(changed: Edited) -> None:
        replace(changed, changed.node(number), expression(text))

    return edit


def _arguments(context: Context) -> Iterator[Found]:
    """The step, slot or device after, in what a start or a wait asks for. A wait takes from a
    semaphore and no more, so only what chooses the semaphore is changed there."""
    source = context.analysis.source
    for sync in context.syncs:
        call = _call_of(context, sync)
        if call is None:
            continue
        functions = context.analysis.copies.functions(call.func)
        for place, argument in enumerate(call.args):
            fed = any(_feeds(context, sync, function, place) for function in functions)
            if not fed:
                continue
            text = ast.unparse(argument)
            instead = f"({text} + 1) % EP_SIZE" if _device(context, argument) else f"{text} + 1"
            what = f"`{ast.unparse(sync.statement)}`: `{instead}` for `{text}`"
            what = what if source.at(call) == source.at(sync.statement) else f"{what}, in its loop"
            edit = _instead(context, argument, instead)
            yield Found("slot", "moved", what, sync.statement, sync, edit)


def _call_of(context: Context, sync: Sync) -> ast.Call | None:
    """The call that makes a statement's copies, where the statement or its loop has one."""
    receiver: ast.expr = sync.receiver if sync.copies else ast.Constant(None)
    if isinstance(receiver, ast.Name):
        values = context.analysis.source.values(receiver)
        receiver = values[0] if len(values) == 1 else receiver
    named = isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name)
    return receiver if named else None


def _feeds(context: Context, sync: Sync, function: Function, place: int) -> bool:
    """Whether an argument chooses a semaphore, or, of a start, a slot or a device too."""
    names = [a.arg for a in function.args.args]
    if place >= len(names) or names[place] in ("r", "s"):
        return False
    chosen: list[ast.expr] = []
    for one in context.analysis.copies.of(sync.receiver):
        if one.node not in ast.walk(function):
            continue
        chosen += [at for _, node in one.awaited(sync.method) if (at := index(node)) is not None]
        if sync.method == "start":
            chosen += [one.device] if one.device is not None else []
            chosen += [one.node]
    used = {n.id for node in chosen for n in ast.walk(node) if isinstance(n, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            if any(isinstance(t, ast.Name) and t.id in used for t in node.targets):
                used |= bound
    return names[place] in used


def _device(context: Context, argument: ast.expr) -> bool:
    """`me`, or a name that a loop over the peers gives."""
    if not isinstance(argument, ast.Name):
        return False
    if argument.id == "me":
        return True
    for around in context.analysis.source.ancestors(argument):
        if isinstance(around, Function) and decorated(around, "each_peer") is not None:
            return argument.id in [a.arg for a in around.args.args]
    return False
