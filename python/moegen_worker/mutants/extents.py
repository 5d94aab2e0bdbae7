"""Where a kernel reads, writes and stops: offsets, blocks, slots, masks and last partial blocks.

What would be the same program, or one that only does more than it need, is not made:

- more rows of padding are routed than need be (`share`, `valid_tokens`): nobody reads their results;
- experts without rows are computed (`has_rows`), or a body of more rows as well (`with_body`);
- lists are padded with as many entries as the last group may read, and what lies there is told again
  where lists are joined (loops that store what does not depend on them);
- padding among the experts is nought where scores are probabilities: with no bias it is below or equal to
  every expert, and equals are taken from the lowest index, so that masking it again changes nothing;
- all of a token's weights are made NaN where one is: its result is NaN either way;
- where of two values the larger or the smaller is chosen, equal ones are either;
- bits that rounding has cleared are masked where they are packed;
- a wait names a copy of the same slot (`rules.same_slot`);
- a number only orders copies (`rules.only_orders`);
- a slice of an array has another size: that does not build.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import rules
from .context import Context, Found
from .copies import base
from .effects import called, decorated
from .mutant import expression, replace
from .numbers import Kinds, expressions, functions
from .source import Edited, Function

# Names of what only saves work.
SAVES_WORK = {"share", "has_rows", "valid_tokens"}
# Runs one of several bodies: another that holds as many rows would do.
BODIES = "with_body"


def made(context: Context) -> Iterator[Found]:
    """Faults at every place that says where; each can be seen in a result."""
    kinds = Kinds(context)
    for node in expressions(context.analysis.source):
        if _saves_work(context, node) or _in_padding(context, node):
            continue
        if isinstance(node, ast.BinOp):
            yield from _offset(context, kinds, node)
            yield from _mask_of_bits(context, kinds, node)
        elif isinstance(node, ast.Compare):
            yield from _limit(context, node)
        elif isinstance(node, ast.Call):
            yield from _where(context, node)
            yield from _last(context, node)
        elif isinstance(node, ast.Subscript):
            yield from _part(context, node)
    for function in functions(context.analysis.source):
        yield from _blocks(context, function)


def changed(context: Context, node: ast.expr, text: str):
    """Puts an expression in the place of another."""
    number = context.analysis.source.numbers[node]

    def edit(source: Edited) -> None:
        replace(source, source.node(number), expression(text))

    return edit


def found(context: Context, kind: str, change: str, node: ast.expr, text: str) -> Found:
    """An expression as another text."""
    what = f"`{short(node)}` as `{text[:90]}`"
    return Found(kind, change, what, node, None, changed(context, node, text))


def short(node: ast.AST) -> str:
    """An expression in one line for `what`, cut at 90 characters."""
    text = ast.unparse(node)
    return text if len(text) <= 90 else f"{text[:87]}..."


def _saves_work(context: Context, node: ast.AST) -> bool:
    """Whether an expression is of what may be more than is needed."""
    source = context.analysis.source
    statement = source.statement_of(node)
    if isinstance(statement, ast.Assign):
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        stored = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and _stores(n)}
        return bool(stored & SAVES_WORK) or (isinstance(node, ast.Call) and "share" in names)
    if isinstance(statement, ast.Return):
        return bool({n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} & SAVES_WORK)
    return False


def _in_padding(context: Context, node: ast.AST) -> bool:
    """Whether an expression is of a loop that pads a list."""
    ancestors = context.analysis.source.ancestors(node)
    return any(isinstance(a, ast.For) and _pads(a.body, a) for a in ancestors)


def _chooses_body(context: Context, node: ast.AST) -> bool:
    function = context.analysis.source.function_of(node)
    return function is not None and function.name.endswith(BODIES)


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _static(node: ast.AST) -> bool:
    """Of sizes alone: what a loop counter or data is not part of."""
    if any(isinstance(n, ast.Attribute) and n.attr == "shape" for n in ast.walk(node)):
        return True
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return all(name.isupper() or name in ("s", "jnp", "pl") for name in names)


def _offset(context: Context, kinds: Kinds, node: ast.BinOp) -> Iterator[Found]:
    """One summand of an index left out."""
    if not isinstance(node.op, ast.Add | ast.Sub) or kinds.is_float(node) or _static(node):
        return
    around = context.analysis.source.parents[node]
    if rules.only_orders(context.analysis.source, node):
        return
    if any(isinstance(a, ast.Slice) for a in context.analysis.source.ancestors(node)):
        return
    if isinstance(around, ast.BinOp) and isinstance(around.op, ast.Add | ast.Sub):
        return
    terms = _terms(node)
    for left_out in range(len(terms)):
        if rules.same_slot(context.analysis.source, node, terms[left_out][1]):
            continue
        kept = [term for place, term in enumerate(terms) if place != left_out]
        text = " ".join(f"{sign} ({ast.unparse(term)})" for sign, term in kept)
        yield found(context, "offset", "dropped", node, text.removeprefix("+ "))


def _terms(node: ast.expr, sign: str = "+") -> list[tuple[str, ast.expr]]:
    """Summands of a sum, each with its sign."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
        return [(sign, node)]
    other = sign if isinstance(node.op, ast.Add) else {"+": "-", "-": "+"}[sign]
    return [*_terms(node.left, sign), *_terms(node.right, other)]


def _mask_of_bits(context: Context, kinds: Kinds, node: ast.BinOp) -> Iterator[Found]:
    """Without a mask; of two conditions, one."""
    if not isinstance(node.op, ast.BitAnd):
        return
    if isinstance(node.left, ast.Compare) or isinstance(node.right, ast.Compare):
        if _chooses_body(context, node):
            return
        for kept in (node.left, node.right):
            yield found(context, "mask", "dropped", node, ast.unparse(kept))
        return
    names = [n for n in ast.walk(node.left) if isinstance(n, ast.Name)]
    values = [v for n in names for v in kinds.values(n)]
    if not any(".astype(DTYPE)" in ast.unparse(value) for value in values):
        yield found(context, "mask", "dropped", node, ast.unparse(node.left))


ORDER = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}


def _limit(context: Context, node: ast.Compare) -> Iterator[Found]:
    """A limit that is one further or nearer; of conditions of data, not of guards of copies."""
    sign = ORDER.get(type(node.ops[0]))
    if sign is not None and _chooses_body(context, node) and sign != "<":
        return
    where = context.analysis.source.parents[node]
    if isinstance(where, ast.Call) and _is_padding_of_scores(context, where):
        return
    if isinstance(where, ast.Call) and _takes_either(node, where):
        return
    if sign is None or any(
        isinstance(a, Function) and decorated(a, "when") is not None and node in set(ast.walk(d))
        for a in context.analysis.source.ancestors(node)
        for d in getattr(a, "decorator_list", ())
    ):
        return
    if isinstance(context.analysis.source.parents[node], ast.Call | ast.BinOp):
        text = f"{ast.unparse(node.left)} {sign} {ast.unparse(node.comparators[0])}"
        yield found(context, "mask", "moved", node, text)


def _takes_either(node: ast.Compare, choice: ast.Call) -> bool:
    """Whether a choice is one between the two that are compared."""
    compared = {ast.unparse(node.left), ast.unparse(node.comparators[0])}
    return len(choice.args) == 3 and {ast.unparse(a) for a in choice.args[1:]} == compared


def _is_padding_of_scores(context: Context, node: ast.Call) -> bool:
    """Whether candidates of padded experts are masked whose scores are nought already."""
    routing = context.layer["routing"]
    raw = routing.get("scoreChosen") or routing.get("scoring") not in ("softmax", "sigmoid")
    if raw or routing.get("correctionBias") or routing.get("groups"):
        return False
    parts = [ast.unparse(argument) for argument in node.args]
    return parts[:2] in (["expert < NUM_EXPERTS", "candidates"], ["expert < NUM_IDS", "candidates"])


def _is_no_weight(context: Context, node: ast.Call) -> bool:
    """Whether what is kept from being added is lost anyway: where a token's row is not finite, an
    expert's result is not a number, unless the activation has a bound."""
    bounded = not isinstance(context.layer["activation"], str)
    if bounded or context.layer["routing"].get("where") == "given":
        return False
    return ast.unparse(node.args[0]) == "weight == 0.0"


def _where(context: Context, node: ast.Call) -> Iterator[Found]:
    """One side of a choice alone."""
    if called(node) != "where" or len(node.args) != 3:
        return
    if _is_padding_of_scores(context, node):
        return
    for side, other in ((node.args[1], node.args[2]), (node.args[2], node.args[1])):
        if ast.unparse(other) == "jnp.nan":
            continue
        if side is node.args[2] and _is_no_weight(context, node):
            continue
        whole = f"jnp.broadcast_to({ast.unparse(side)}, jnp.shape({ast.unparse(node)}))"
        yield found(context, "mask", "dropped", node, whole)


def _last(context: Context, node: ast.Call) -> Iterator[Found]:
    """Whole blocks alone; one of two limits."""
    name = called(node)
    if name == "cdiv":
        over, by = (ast.unparse(a) for a in node.args)
        yield found(context, "last", "dropped", node, f"({over}) // ({by})")
    elif name == "minimum" and len(node.args) == 2:
        for kept in node.args:
            yield found(context, "last", "dropped", node, ast.unparse(kept))
    elif name == "clip" and len(node.args) == 3 and not _of_floats(node):
        value, low, high = (ast.unparse(a) for a in node.args)
        yield found(context, "last", "dropped", node, f"jnp.maximum({value}, {low})")
        yield found(context, "last", "dropped", node, f"jnp.minimum({value}, {high})")


def _of_floats(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in ast.walk(node))


def _part(context: Context, node: ast.Subscript) -> Iterator[Found]:
    """Up's part of a buffer in the place of gate's, and the other way; another slot's data."""
    name = base(node)
    if name is None or isinstance(node.ctx, ast.Store) or not isinstance(node.slice, ast.Tuple):
        return
    if isinstance(node.value, ast.Attribute) and node.value.attr == "at":
        owner = context.analysis.source.parents[node]
        # Of copies: the other family's.
        if isinstance(owner, ast.Call) and called(owner) in ("make_async_copy",):
            return
    slots = context.slots()
    for place, part in enumerate(node.slice.elts[:2]):
        if place == 0 and name in slots and not isinstance(part, ast.Slice):
            index = f"({ast.unparse(part)} + 1) % r.{name}.shape[0]"
            yield found_slot(context, node, place, index)
        if place == 1 and isinstance(part, ast.Constant) and part.value in (0, 1):
            yield found_slot(context, node, place, str(1 - part.value))


def found_slot(context: Context, node: ast.Subscript, place: int, index: str) -> Found:
    """A subscript with another index at one place."""
    assert isinstance(node.slice, ast.Tuple)
    part = node.slice.elts[place]
    number = context.analysis.source.numbers[part]

    def edit(source: Edited) -> None:
        replace(source, source.node(number), expression(index))

    what = f"`{short(node)}` with `{index}`"
    return Found("part", "swapped", what, node, None, edit)


# ------------------------------------------------------------------------------------ blocks


def _blocks(context: Context, function: Function) -> Iterator[Found]:
    """Loops that begin a trip later or end one sooner."""
    for node in ast.walk(function):
        if isinstance(node, Function):
            loop = decorated(node, "loop")
            if loop is None or context.analysis.body(node).synchronises or _pads(node.body):
                continue
            yield from _trips(context, loop, loop.args)
        elif isinstance(node, ast.Call) and called(node) == "fori_loop":
            yield from _trips(context, node, node.args[:2])
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Call):
            ranged = isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range"
            if ranged and not context.analysis.of(node).synchronises and not _pads(node.body, node):
                yield from _trips(context, node.iter, node.iter.args)


def _pads(body: list[ast.stmt], loop: ast.For | None = None) -> bool:
    """Whether each trip stores the same."""
    if loop is None or len(body) != 1 or not isinstance(body[0], ast.Assign):
        return False
    if not isinstance(loop.target, ast.Name):
        return False
    value = {n.id for n in ast.walk(body[0].value) if isinstance(n, ast.Name)}
    return loop.target.id not in value and not any(
        isinstance(n, ast.Subscript) for n in ast.walk(body[0].value)
    )


def _trips(context: Context, node: ast.Call, bounds: list[ast.expr]) -> Iterator[Found]:
    first, last = (bounds if len(bounds) > 1 else [None, bounds[0]])[:2]
    yield found(context, "block", "dropped", last, f"({ast.unparse(last)}) - 1")
    if first is not None:
        yield found(context, "block", "dropped", first, f"({ast.unparse(first)}) + 1")
