"""Guards of copies that are started ahead, or awaited once: dropped, or a step off."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import sites
from .context import Context, Found
from .effects import decorated
from .mutant import expression, replace
from .sites import Sync
from .source import Edited, Function

# What makes a comparison hold more often, added to its right side.
_WIDER: dict[type[ast.cmpop], int] = {ast.Lt: 1, ast.LtE: 1, ast.Gt: -1, ast.GtE: -1}


def made(context: Context) -> Iterator[Found]:
    """Faults at every guard, and at every loop that starts or awaits copies."""
    for guard in sites.guards(context.analysis):
        yield from _guard(context, guard)
    for loop in sites.ranges(context.analysis):
        yield from _range(context, loop)


def _inside(context: Context, node: ast.AST) -> Sync | None:
    """A start or wait that a guard is for; one that is called, where there is none in sight."""
    within = set(ast.walk(node))
    for sync in context.syncs:
        if sync.statement in within:
            return sync
    effects = (
        context.analysis.body(node) if isinstance(node, Function) else (context.analysis.of(node))
    )
    nodes = {c.node for c in effects.started} | {c.node for c, _ in effects.awaited}
    for sync in context.syncs:
        if nodes & {c.node for c in sync.copies}:
            return sync
    return None


def _changed(context: Context, node: ast.expr, text: str):
    number = context.analysis.source.numbers[node]

    def edit(changed: Edited) -> None:
        replace(changed, changed.node(number), expression(text))

    return edit


def _guard(context: Context, guard: Function) -> Iterator[Found]:
    decorator = decorated(guard, "when")
    assert decorator is not None
    condition, sync = decorator.args[0], _inside(context, guard)
    text = ast.unparse(condition)
    effects = context.analysis.body(guard)
    # That all devices meet once more is no fault.
    barrier = effects.barrier and not (effects.started or effects.awaited)
    if not barrier:
        edit = _changed(context, condition, f"({text}) | True")
        yield Found("guard", "dropped", f"always, not when `{text}`", guard, sync, edit)
    if not isinstance(condition, ast.Compare):
        return
    limit = condition.comparators[0]
    for by, word in ((1, "+ 1"), (-1, "- 1")):
        # Nothing is before the first: the same as never.
        if isinstance(condition.ops[0], ast.Eq) and by < 0:
            continue
        if barrier and by == _WIDER.get(type(condition.ops[0])):
            continue
        edit = _changed(context, limit, f"({ast.unparse(limit)}) {word}")
        what = f"when `{text}` with its limit {word}"
        yield Found("guard", "moved", what, guard, sync, edit)


def _range(context: Context, loop: ast.For) -> Iterator[Found]:
    assert isinstance(loop.iter, ast.Call)
    sync = _inside(context, loop)
    text = ast.unparse(loop.iter)
    for bound in loop.iter.args:
        for word in ("+ 1", "- 1"):
            edit = _changed(context, bound, f"({ast.unparse(bound)}) {word}")
            what = f"`{text}` with `{ast.unparse(bound)} {word}`"
            yield Found("guard", "moved", what, loop, sync, edit)
