"""The order of additions where a token's result may not depend on the device that has the token.

Of float32 sums: those of few bits add up to float32 without an error, as good as always, so that
their order makes no difference to see.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .context import Context, Found
from .effects import called
from .mutant import expression, replace
from .numbers import expressions
from .source import Edited


def made(context: Context) -> Iterator[Found]:
    """Sums in ring order, the token's own device first: as exact, and other bits on another device."""
    if not context.layer.get("deterministic") or context.layer["dtype"] != "float32":
        return
    source = context.analysis.source
    choices = [node for node in expressions(source) if _is_choice(node)]
    if not choices:
        return
    numbers = [source.numbers[node] for node in choices]

    def from_own(changed: Edited) -> None:
        for number in numbers:
            choice = changed.node(number)
            assert isinstance(choice, ast.Call)
            for device in _devices(choice):
                text = f"(me + {ast.unparse(device)}) % EP_SIZE"
                replace(changed, device, expression(text))

    what = "sums of all devices are added from the token's own device on"
    yield Found("order", "swapped", what, choices[0], None, from_own)


def _is_choice(node: ast.AST) -> bool:
    """`jnp.where(me == device, own, r.arrived[device, ...])`: of each device what it has sent."""
    if not isinstance(node, ast.Call) or called(node) != "where" or len(node.args) != 3:
        return False
    comparison, _, arrived = node.args
    return (
        isinstance(comparison, ast.Compare)
        and ast.unparse(comparison.left) == "me"
        and isinstance(arrived, ast.Subscript)
        and isinstance(arrived.slice, ast.Tuple)
        and ast.unparse(arrived.slice.elts[0]) == ast.unparse(comparison.comparators[0])
    )


def _devices(choice: ast.Call) -> list[ast.expr]:
    """The two places that name the device."""
    comparison, _, arrived = choice.args
    assert isinstance(comparison, ast.Compare) and isinstance(arrived, ast.Subscript)
    assert isinstance(arrived.slice, ast.Tuple)
    return [comparison.comparators[0], arrived.slice.elts[0]]
