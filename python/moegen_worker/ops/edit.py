"""Edits Python files from a plain list, or says which places are missing or ambiguous.

Params: `files` ([{path, text, edits}]), `firstParty` (package names, for isort). Texts in, texts out:
no file is touched. Either all edits are done or the answer is the error `ANCHOR`, whose detail has
each problem: `{path, symbol, sought, problem, found}`.
"""

from __future__ import annotations

from typing import Any

from ..wire.errors import OpError


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Makes all edits of all files, or none.

    Raises:
        OpError: "PACKAGES", this Python lacks an editor's package; "ANCHOR", places are missing.
    """
    del emit
    try:
        import black  # noqa: F401
        import isort  # noqa: F401
        import libcst
    except ImportError as error:
        raise OpError("PACKAGES", f"this Python lacks {error.name}") from error
    from ..codemod.edits import EDITS
    from ..codemod.layout import laid_out
    from ..codemod.places import AnchorError, File

    edited, problems = [], []
    for one in params["files"]:
        path, text = str(one["path"]), str(one["text"])
        try:
            file = File(text)
        except libcst.ParserSyntaxError as error:
            where = f"line {error.raw_line}"
            problems.append(_problem(path, "", "", "the file is not valid Python", [where]))
            continue
        for edit in one["edits"]:
            try:
                EDITS[edit["edit"]](file, edit)
            except AnchorError as error:
                problem = (error.symbol, error.sought, error.problem, error.found)
                problems.append(_problem(path, *problem))
        result = file.module.code
        firsts = [str(name) for name in params.get("firstParty", ())]
        edited.append({"path": path, "text": laid_out(text, result, firsts)})
    if problems:
        raise OpError("ANCHOR", "places of edits were not found", problems=problems)
    return {"files": edited}


def _problem(path: str, symbol: str, sought: str, problem: str, found: list[str]) -> dict[str, Any]:
    return {"path": path, "symbol": symbol, "sought": sought, "problem": problem, "found": found}
