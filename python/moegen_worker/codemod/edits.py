"""What each edit does. Done already, it does nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from . import pattern
from .imports import add_import
from .places import AnchorError, File, blocks

Edit = dict[str, Any]


def _holds(file: File, body: Sequence[Any], code: str) -> bool:
    """Whether a body has the statements of `code`, one after the other."""
    wanted = pattern.statements(code)
    there = [syntax for node in body for syntax in file.syntax(node)]
    size = len(wanted)
    return any(
        pattern.equal(there[first : first + size], wanted) for first in range(len(there) - size + 1)
    )


def insert(file: File, edit: Edit) -> None:
    """Puts statements before or after the one that `at` describes, unless its block has them.

    Raises:
        AnchorError: it is not there, or there are several.
    """
    node, block = file.statement(edit["at"].get("in"), edit["at"]["statement"])
    if _holds(file, block.body, edit["code"]):
        return
    fresh = file.parse(edit["code"])
    run = [*fresh, node] if edit["where"] == "before" else [node, *fresh]
    file.swap(node, cst.FlattenSentinel(run))


def append(file: File, edit: Edit) -> None:
    """Puts statements at the end of a class, a function or the module, unless it has them.

    Raises:
        AnchorError: the scope is not there, has no block, or has another definition of the name.
    """
    scope = file.scope(edit.get("in"))
    body: Any = scope if isinstance(scope, cst.Module) else scope.body
    if _holds(file, body.body, edit["code"]):
        return
    # A one-line body, `class X: pass`, has no block to append to.
    if not isinstance(body, (cst.Module, cst.IndentedBlock)):
        raise AnchorError(edit.get("in") or "", "a block", "the body is on one line", [])
    fresh = file.parse(edit["code"])
    names = {node.name.value for node in fresh if hasattr(node, "name")}
    taken = [
        node
        for node in body.body
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)) and node.name.value in names
    ]
    if taken:
        problem = f"{edit.get('in') or 'the module'} has a {taken[0].name.value} already"
        raise AnchorError(edit.get("in") or "", edit["code"], problem, file.lines_of(taken))
    file.swap(body, body.with_changes(body=[*body.body, *fresh]))


def replace(file: File, edit: Edit) -> None:
    """Puts statements in the place of the one that `at` describes, unless the scope has them.

    Raises:
        AnchorError: it is not there, or there are several.
    """
    at = edit["at"]
    try:
        node, _ = file.statement(at.get("in"), at["statement"])
    except AnchorError:
        inside = blocks(file.scope(at.get("in")))
        if any(_holds(file, block.body, edit["code"]) for block in inside):
            return
        raise
    fresh = file.parse(edit["code"])
    if not fresh[0].leading_lines:
        fresh[0] = fresh[0].with_changes(leading_lines=node.leading_lines)
    file.swap(node, cst.FlattenSentinel(fresh))


def branch(file: File, edit: Edit) -> None:
    """Puts the statement that `at` describes under `else` of a condition, the code under its `if`.

    Raises:
        AnchorError: it is not there, or there are several.
    """
    at = edit["at"]
    condition = ast.dump(pattern.expression(edit["condition"]))
    wanted = pattern.statement(at["statement"])
    for block in blocks(file.scope(at.get("in"))):
        for node in block.body:
            if not isinstance(node, cst.If) or ast.dump(file.value(node.test)) != condition:
                continue
            (syntax,) = file.syntax(node)
            if (
                isinstance(syntax, ast.If)
                and pattern.equal(syntax.body, pattern.statements(edit["code"]))
                and len(syntax.orelse) == 1
                and pattern.matches(wanted, syntax.orelse[0])
            ):
                return
    node, _ = file.statement(at.get("in"), at["statement"])
    file.swap(
        node,
        cst.If(
            test=cst.parse_expression(edit["condition"]),
            body=cst.IndentedBlock(file.parse(edit["code"])),
            orelse=cst.Else(cst.IndentedBlock([node.with_changes(leading_lines=[])])),
            leading_lines=node.leading_lines,
        ),
    )


def rewrite(file: File, edit: Edit) -> None:
    """Puts an expression in the place of the one that `at` describes, unless the scope has it.

    Raises:
        AnchorError: it is not there, or there are several.
    """
    symbol, text = edit["at"].get("in"), edit["at"]["expression"]
    wanted = ast.dump(pattern.expression(edit["code"]))
    # What is there already may match the pattern as well: it is no place for the edit.
    found = [
        node for node in file.expressions(symbol, text) if ast.dump(file.value(node)) != wanted
    ]
    if not found and file.expressions(symbol, edit["code"]):
        return
    node = found[0] if len(found) == 1 else file.expression(symbol, text)
    file.swap(node, cst.parse_expression(edit["code"], file.module.config_for_parsing))


def _commas(neighbour: Any, last: Any) -> tuple[Any, Any]:
    """The comma of the last member once another follows it, and the comma of that other one.

    A comment behind the last member stays with it; the line breaks are those of its neighbours."""
    space = getattr(last, "whitespace_after", None)
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return (cst.MaybeSentinel.DEFAULT if neighbour is None else _bare(neighbour)), last
    comment = space.first_line
    between = last if neighbour is None else neighbour
    after = between.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace):
        between = between.with_changes(whitespace_after=after.with_changes(first_line=comment))
    return between, _bare(last)


def _bare(comma: Any) -> Any:
    """A comma without the comment behind it."""
    space = getattr(comma, "whitespace_after", None)
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return comma
    return comma.with_changes(
        whitespace_after=space.with_changes(first_line=cst.TrailingWhitespace())
    )


def element(file: File, edit: Edit) -> None:
    """Adds an element to the end of a list, tuple or set, with the commas that it has.

    Raises:
        AnchorError: `at` describes none, or several.
    """
    at = edit["at"]
    node = file.expression(at.get("in"), at["expression"])
    if not isinstance(node, (cst.List, cst.Tuple, cst.Set)):
        raise AnchorError(at.get("in") or "", at["expression"], "not a list, tuple or set", [])
    wanted = ast.dump(pattern.expression(edit["code"]))
    if any(ast.dump(file.value(item.value)) == wanted for item in node.elements):
        return
    elements = list(node.elements)
    fresh = cst.Element(cst.parse_expression(edit["code"]))
    if elements:
        neighbour = elements[0].comma if len(elements) > 1 else None
        between, comma = _commas(neighbour, elements[-1].comma)
        elements[-1] = elements[-1].with_changes(comma=between)
        fresh = fresh.with_changes(comma=comma)
    file.swap(node, node.with_changes(elements=[*elements, fresh]))


def parameter(file: File, edit: Edit) -> None:
    """Adds a parameter after another, or after all that may be given by place.

    Raises:
        AnchorError: the function or `after` is not there, or it has another parameter of the name.
    """
    symbol, code = edit["function"], edit["code"]
    function = file.scope(symbol)
    if not isinstance(function, cst.FunctionDef):
        raise AnchorError(symbol, code, f"{symbol} is no function", [])
    (fresh,) = cst.ensure_type(
        cst.parse_statement(f"def f({code}): ..."), cst.FunctionDef
    ).params.params
    params = list(function.params.params)
    names = [param.name.value for param in params]
    if fresh.name.value in names:
        there = params[names.index(fresh.name.value)]
        if _parameter(file, there) == _parameter(file, fresh):
            return
        problem = f"{symbol} has another parameter {fresh.name.value}"
        raise AnchorError(symbol, code, problem, [_parameter(file, there)])
    after = edit.get("after")
    if after is not None and after not in names:
        raise AnchorError(symbol, after, f"{symbol} has no parameter {after}", names)
    at = len(params) if after is None else names.index(after) + 1
    if at > 0 and at == len(params):
        neighbour = params[0].comma if len(params) > 1 else None
        between, comma = _commas(neighbour, params[-1].comma)
        params[-1] = params[-1].with_changes(comma=between)
        fresh = fresh.with_changes(comma=comma)
    elif at > 0:
        fresh = fresh.with_changes(comma=_bare(params[at - 1].comma))
    params.insert(at, fresh)
    file.swap(function.params, function.params.with_changes(params=params))


def _parameter(file: File, param: cst.Param) -> str:
    return file.code(param.with_changes(comma=cst.MaybeSentinel.DEFAULT)).strip()


def argument(file: File, edit: Edit) -> None:
    """Adds an argument to the call that `at` describes, before a `**` of its.

    Raises:
        AnchorError: it describes no call, several, or one with another argument of the name.
    """
    at, code = edit["at"], edit["code"]
    call = file.expression(at.get("in"), at["expression"])
    if not isinstance(call, cst.Call):
        raise AnchorError(at.get("in") or "", at["expression"], "not a call", [])
    (fresh,) = cst.ensure_type(cst.parse_expression(f"f({code})"), cst.Call).args
    name = fresh.keyword.value if fresh.keyword else ""
    for arg in call.args:
        if arg.keyword is None or arg.keyword.value != name:
            continue
        if ast.dump(file.value(arg.value)) == ast.dump(file.value(fresh.value)):
            return
        problem = f"the call has another {name}"
        raise AnchorError(at.get("in") or "", code, problem, [file.code(arg).strip()])
    args = list(call.args)
    place = next((i for i, arg in enumerate(args) if arg.star == "**"), len(args))
    if place < len(args):
        comma = _bare(args[place - 1].comma) if place > 0 else cst.MaybeSentinel.DEFAULT
        args.insert(place, fresh.with_changes(comma=comma))
    elif args:
        last = args[-1]
        between, comma = _commas(args[0].comma if len(args) > 1 else None, last.comma)
        fresh = fresh.with_changes(comma=comma, whitespace_after_arg=last.whitespace_after_arg)
        args[-1] = last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
        args.append(fresh)
    else:
        args.append(fresh)
    file.swap(call, call.with_changes(args=args))


EDITS: dict[str, Callable[[File, Edit], None]] = {
    "insert": insert,
    "append": append,
    "replace": replace,
    "branch": branch,
    "rewrite": rewrite,
    "element": element,
    "parameter": parameter,
    "argument": argument,
    "import": add_import,
}
