"""What a kernel computes: rounding, types of sums, scales, biases, and how routing weights are made.

What is the same in numbers, or exact, is not made:

- counts of one block of 128 tokens are exact in bfloat16 (operands named `..._bf16`);
- what is widened from fewer bits, or was unpacked, is rounded already;
- a softmax whose weights are made to add up to 1 after the choice need not be divided before, unless
  something is added to its scores; with a cap on the logits it need not be shifted either.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .context import Context, Found
from .copies import base
from .effects import called
from .extents import found, short
from .mutant import expression, replace
from .numbers import Kinds, expressions, functions
from .source import Edited, Function

# What names of the kernel's say.
SCALES, BIASES = ("scale", "scales", "scales_of", "factor"), ("bias", "biases")
# Buffers of float32 that sums are kept in.
SUMS = ("token_sums", "gate_sums", "up_sums", "gate_up_sums", "result_tiles")


def made(context: Context) -> Iterator[Found]:
    """Faults at every place that computes; each can be seen in a result."""
    kinds = Kinds(context)
    for node in expressions(context.analysis.source):
        if isinstance(node, ast.Call):
            yield from _rounding(context, node)
            yield from _accumulation(context, node)
        elif isinstance(node, ast.BinOp) and kinds.is_float(node):
            yield from _term(context, node)
            yield from _factor(context, node)
        elif isinstance(node, ast.Subscript):
            yield from _scale_index(context, node)
    for function in functions(context.analysis.source):
        yield from _sums(context, function)


def _named(node: ast.AST, parts: tuple[str, ...]) -> bool:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return any(name == part or name.endswith(f"_{part}") for name in names for part in parts)


# ---------------------------------------------------------------------------------- rounding


def _rounding(context: Context, node: ast.Call) -> Iterator[Found]:
    """To the next value towards nought, not to the nearest."""
    if called(node) == "round":
        text = f"jnp.trunc({ast.unparse(node.args[0])})"
        yield found(context, "rounding", "dropped", node, text)
    if called(node) != "astype" or not node.args or ast.unparse(node.args[0]) != "DTYPE":
        return
    assert isinstance(node.func, ast.Attribute)
    value = node.func.value
    if context.layer["dtype"] != "bfloat16" or not _computed(context, value):
        return
    yield found(context, "rounding", "dropped", node, f"truncated({ast.unparse(value)}, DTYPE)")


def _computed(context: Context, value: ast.expr) -> bool:
    """Whether a value has more bits than bfloat16: not one that was loaded, unpacked or widened."""
    if isinstance(value, ast.Call):
        name = called(value) or (value.func.id if isinstance(value.func, ast.Name) else "")
        return name in ("activate", "where", "sigmoid")
    if isinstance(value, ast.Subscript):
        # Scales of blocks.
        kept = (context.layer.get("quantization") or {}).get("scales")
        return _named(value.value, SCALES) and kept == "float32"
    if isinstance(value, ast.Name):
        source = context.analysis.source
        around = source.function_of(value)
        if around is not None and around.name == "pack":
            return True
        assigned = source.values(value)
        return value.id in ("hidden", "part", "activated") and bool(assigned)
    return isinstance(value, ast.BinOp)


# ------------------------------------------------------------------------------ accumulation


def _accumulation(context: Context, node: ast.Call) -> Iterator[Found]:
    """A product that is rounded to bfloat16."""
    if called(node) not in ("dot", "dot_general"):
        return
    types = [k for k in node.keywords if k.arg == "preferred_element_type"]
    if not types or any("_bf16" in ast.unparse(a) for a in node.args):
        return
    text = f"narrow({ast.unparse(node)})"
    yield found(context, "accumulation", "moved", node, text)


def _sums(context: Context, function: Function) -> Iterator[Found]:
    """Sums that are rounded to bfloat16 whenever they are stored."""
    source = context.analysis.source
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Subscript):
            continue
        name, text = base(node.targets[0]), ast.unparse(node.value)
        if name not in SUMS or "zeros" in text:
            continue
        number = source.numbers[node.value]

        def edit(changed: Edited, number: int = number, text: str = text) -> None:
            replace(changed, changed.node(number), expression(f"narrow({text})"))

        what = f"{name} rounded to bfloat16 in `{short(node)}`"
        yield Found("accumulation", "moved", what, node, None, edit)


def _term(context: Context, node: ast.BinOp) -> Iterator[Found]:
    """One term of a sum left out: a bias, a part of a sum, what is subtracted."""
    if not isinstance(node.op, ast.Add | ast.Sub):
        return
    if isinstance(node.op, ast.Sub):
        if _shifts(node) and context.layer["routing"].get("logitSoftCap") is not None:
            return
        yield found(context, "order", "dropped", node, ast.unparse(node.left))
        return
    for dropped, kept in ((node.right, node.left), (node.left, node.right)):
        # Something added to keep a sum from nought is told by hostile logits alone.
        if isinstance(dropped, ast.Constant):
            continue
        kind = "bias" if _named(dropped, BIASES) else "accumulation"
        yield found(context, kind, "dropped", node, _like(node, kept))


def _like(node: ast.BinOp, kept: ast.expr) -> str:
    """A term in the shape of the sum."""
    return f"jnp.broadcast_to({ast.unparse(kept)}, jnp.shape({ast.unparse(node)}))"


def _shifts(node: ast.BinOp) -> bool:
    return isinstance(node.right, ast.Call) and called(node.right) == "max"


# ------------------------------------------------------------------------- scales and weights


def _factor(context: Context, node: ast.BinOp) -> Iterator[Found]:
    """A factor or a divisor left out."""
    if not isinstance(node.op, ast.Mult | ast.Div):
        return
    routing = context.layer["routing"]
    function = context.analysis.source.function_of(node)
    where = function.name if function is not None else ""
    if isinstance(node.op, ast.Div):
        summed = routing.get("renormalize") and not routing.get("correctionBias")
        if where == "_scores" and _named(node.left, ("exponentials",)) and summed:
            return
        kind = "scale" if _named(node, SCALES) else "order"
        yield found(context, kind, "dropped", node, _like(node, node.left))
        return
    for dropped, kept in ((node.right, node.left), (node.left, node.right)):
        if isinstance(dropped, ast.Constant) and where == "activate":
            continue
        kind = "scale" if _named(dropped, SCALES) else "order"
        yield found(context, kind, "dropped", node, _like(node, kept))


def _scale_index(context: Context, node: ast.Subscript) -> Iterator[Found]:
    """The first block's scale in the place of each."""
    if not isinstance(node.value, ast.Name) or node.value.id not in SCALES:
        return
    block, *rest = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if isinstance(block, ast.Name) and isinstance(node.ctx, ast.Load):
        text = f"{node.value.id}[{', '.join(['0', *map(ast.unparse, rest)])}]"
        yield found(context, "scale", "swapped", node, text)
