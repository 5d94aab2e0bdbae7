"""Starts, waits and the barrier: dropped, duplicated, moved, swapped with a neighbour."""

from __future__ import annotations

import ast
import copy as copying
from collections.abc import Iterator

from . import rules
from .context import Context, Found
from .effects import AWAIT, SIGNAL
from .mutant import expression, insert, remove, replace
from .sites import Sync
from .source import Edited


def made(context: Context) -> Iterator[Found]:
    """Faults at every start, wait and signal, and at every call of the barrier."""
    for sync in context.syncs:
        if sync.method in (SIGNAL, AWAIT):
            yield from _barrier(context, sync)
        else:
            yield from _dropped(sync)
            yield _duplicated(sync)
            yield from _moved(context, sync)
    yield from _calls_of_barrier(context)


def _kind(sync: Sync) -> str:
    return "start" if sync.method == "start" else "wait"


def _dropped(sync: Sync) -> Iterator[Found]:
    """Of several copies in one statement, one at a time."""
    text = ast.unparse(sync.statement)
    if len(sync.copies) == 1:
        node = sync.statement

        def drop(source: Edited) -> None:
            remove(source, source.statement(sync.number))

        yield Found(_kind(sync), "dropped", f"no `{text}`", node, sync, drop)
        return
    for one in sync.copies:

        def drop_one(source: Edited, name: str = one.source) -> None:
            statement, method = source.statement(sync.number), source.call(sync.number).func
            assert isinstance(method, ast.Attribute)
            receiver = ast.unparse(method.value)
            block = source.block_of(statement)
            test = expression(f"not is_of({receiver}, r.{name})")
            block[block.index(statement)] = ast.If(test, [statement], [])

        what = f"no `{text}` for {one.source}"
        yield Found(_kind(sync), "dropped", what, sync.statement, sync, drop_one, (one,))


def _duplicated(sync: Sync) -> Found:
    def twice(source: Edited) -> None:
        statement = source.statement(sync.number)
        insert(source, statement, copying.deepcopy(statement), after=True)

    text = f"`{ast.unparse(sync.statement)}` twice"
    return Found(_kind(sync), "duplicated", text, sync.statement, sync, twice)


def _moved(context: Context, sync: Sync) -> Iterator[Found]:
    """A wait past what it is for, a start before what it is for; the other way only past each
    other: see `rules`."""
    for later in (True, False):
        neighbour = rules.first_conflict(context.analysis, sync.unit, later=later)
        if neighbour is None:
            continue
        yield _move(context, sync, sync.unit, neighbour, later, _kind(sync))


def _move(
    context: Context, sync: Sync, unit: ast.stmt, neighbour: ast.stmt, later: bool, kind: str
) -> Found:
    source = context.analysis.source
    numbers = source.numbers[unit], source.numbers[neighbour]
    block = source.block_of(unit)
    beside = abs(block.index(unit) - block.index(neighbour)) == 1

    def move(changed: Edited) -> None:
        unit, neighbour = (changed.statement(number) for number in numbers)
        block = changed.block_of(unit)
        block.remove(unit)
        block.insert(block.index(neighbour) + later, unit)

    where = f"{'after' if later else 'before'} {source.at(neighbour)} {rules.title(neighbour)}"
    what = f"`{ast.unparse(sync.statement)}` {where}"
    return Found(kind, "swapped" if beside else "moved", what, sync.statement, sync, move)


# ------------------------------------------------------------------------------------ barrier


def _barrier(context: Context, sync: Sync) -> Iterator[Found]:
    """Its signal and its wait. A whole barrier twice is a barrier: not made."""
    statement = sync.statement
    pair = [
        context.analysis.source.numbers[s.unit]
        for method in (SIGNAL, AWAIT)
        for s in context.syncs
        if s.method == method
    ]
    assert isinstance(statement.value, ast.Call)
    signals = sync.method == SIGNAL

    def drop(source: Edited) -> None:
        remove(source, source.statement(sync.number))

    def twice(source: Edited) -> None:
        node = source.statement(sync.number)
        insert(source, node, copying.deepcopy(node), after=True)

    def change(by: int):
        def edit(source: Edited) -> None:
            value = source.call(sync.number).args[1]
            replace(source, value, expression(f"{ast.unparse(value)} + ({by})"))

        return edit

    def swap(source: Edited) -> None:
        signal, wait = (source.statement(number) for number in pair)
        block = source.block_of(signal)
        block.remove(wait)
        block.insert(block.index(signal), wait)

    def aside(source: Edited) -> None:
        """To the device after the one meant; the last one's signal comes back to itself."""
        for keyword in source.call(sync.number).keywords:
            if keyword.arg == "device_id":
                call = keyword.value
                assert isinstance(call, ast.Call)
                peer = call.args[0]
                replace(source, peer, expression(f"({ast.unparse(peer)} + 1) % EP_SIZE"))

    text = "the barrier's signal" if signals else "the barrier's wait"
    yield Found("barrier", "dropped", f"no {text[4:]} in the barrier", statement, sync, drop)
    yield Found("barrier", "duplicated", f"{text} twice", statement, sync, twice)
    if signals:
        yield Found("barrier", "moved", f"{text} to the device after", statement, sync, aside)
        yield Found("barrier", "swapped", f"{text} after its wait", statement, sync, swap)
    else:
        for by, word in ((-1, "one signal less"), (1, "one signal more")):
            yield Found("barrier", "moved", f"{text} for {word}", statement, sync, change(by))


def _calls_of_barrier(context: Context) -> Iterator[Found]:
    for sync in context.syncs:
        if sync.method != AWAIT:
            continue
        function = context.analysis.source.function_of(sync.statement)
        assert function is not None
        for call in context.analysis.source.calls(function):
            source = context.analysis.source
            unit = source.statement_of(call)
            number = source.numbers[unit]

            def drop(changed: Edited, number: int = number) -> None:
                remove(changed, changed.statement(number))

            yield Found("barrier", "dropped", f"no `{ast.unparse(unit)}`", unit, sync, drop)
            around = source.parents[unit]
            if isinstance(around, ast.With) and around.body == [unit]:
                unit = around
            neighbour = rules.first_conflict(context.analysis, unit, later=True)
            if neighbour is not None:
                found = _move(context, sync, unit, neighbour, True, "barrier")
                yield found._replace(
                    node=call,
                    what=found.what.replace(ast.unparse(sync.statement), ast.unparse(call)),
                )
