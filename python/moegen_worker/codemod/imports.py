"""Adding one import to a module, beside those that are there."""

from __future__ import annotations

from typing import Any

import libcst as cst

from .places import AnchorError, File


def _imports(node: Any) -> list[cst.Import | cst.ImportFrom]:
    if not isinstance(node, cst.SimpleStatementLine):
        return []
    return [part for part in node.body if isinstance(part, (cst.Import, cst.ImportFrom))]


def _source(file: File, node: cst.Import | cst.ImportFrom) -> str:
    """What a `from` import comes from; empty for a plain one."""
    if isinstance(node, cst.Import):
        return ""
    module = file.code(node.module) if node.module is not None else ""
    return "." * len(node.relative) + module


def _names(file: File, node: cst.Import | cst.ImportFrom) -> set[str]:
    if isinstance(node.names, cst.ImportStar):
        return {"*"}
    return {
        file.code(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)).strip()
        for alias in node.names
    }


def add_import(file: File, edit: dict[str, Any]) -> None:
    """A name joins the import of its module; else the statement follows its nearest neighbour.

    Raises:
        AnchorError: the code is not one import, or the module has none to put it beside.
    """
    (statement,) = file.parse(edit["code"])
    parts = _imports(statement)
    if len(parts) != 1:
        raise AnchorError("", edit["code"], "not one import statement", [])
    fresh = parts[0]
    file.look_at_module()
    source, wanted = _source(file, fresh), _names(file, fresh)
    there = [(node, part) for node in file.module.body for part in _imports(node)]
    same = [
        part for _, part in there if type(part) is type(fresh) and _source(file, part) == source
    ]
    missing = wanted.difference(*(_names(file, part) for part in same))
    if not missing:
        return
    if isinstance(fresh, cst.ImportFrom) and same and not isinstance(same[0].names, cst.ImportStar):
        old = same[0]
        every = sorted(_names(file, old) | missing)
        text = f"from {source} import ({', '.join(every)})"
        (line,) = file.parse(text)
        new = cst.ensure_type(
            cst.ensure_type(line, cst.SimpleStatementLine).body[0], cst.ImportFrom
        )
        # Parentheses only where there were some: Black adds them where the line is too long.
        names = new.names if old.lpar is not None else list(new.names)
        brackets = {} if old.lpar is not None else {"lpar": None, "rpar": None}
        file.swap(old, old.with_changes(names=names, **(brackets if old.lpar is None else {})))
        if old.lpar is None and len(f"from {source} import {', '.join(every)}") > 88:
            file.look_at_module()
            file.swap(_find(file, source), new)
        return
    if not there:
        raise AnchorError("", edit["code"], "the module imports nothing", [])
    after = _neighbour(file, there, fresh, source)
    file.swap(after, cst.FlattenSentinel([after, statement]))


def _find(file: File, source: str) -> cst.ImportFrom:
    return next(
        part
        for node in file.module.body
        for part in _imports(node)
        if isinstance(part, cst.ImportFrom) and _source(file, part) == source
    )


def _neighbour(
    file: File,
    there: list[tuple[Any, cst.Import | cst.ImportFrom]],
    fresh: cst.Import | cst.ImportFrom,
    source: str,
) -> Any:
    """The statement to follow: of the same kind and package, the last that sorts before."""
    key = source or next(iter(_names(file, fresh)))
    package = key.split(".")[0]

    def keyed(part: cst.Import | cst.ImportFrom) -> str:
        return _source(file, part) or min(_names(file, part))

    kin = [
        (node, keyed(part))
        for node, part in there
        if type(part) is type(fresh) and keyed(part).split(".")[0] == package
    ]
    before = [node for node, name in kin if name < key]
    return before[-1] if before else (kin[-1][0] if kin else there[-1][0])
