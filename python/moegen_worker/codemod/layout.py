"""Formatting of an edited file as its tree formats: where it was clean before, it is clean after."""

from __future__ import annotations

from collections.abc import Callable

LINE_LENGTH = 100


def _black(text: str) -> str:
    import black

    try:
        return black.format_str(text, mode=black.Mode(line_length=LINE_LENGTH))
    except black.NothingChanged:
        return text


def _isort(first_party: list[str]) -> Callable[[str], str]:
    import isort

    config = isort.Config(profile="black", known_first_party=first_party)
    return lambda text: isort.code(text, config=config)


def laid_out(before: str, after: str, first_party: list[str]) -> str:
    """`after` in the layout of `before`: each formatter that would not change the one is applied
    to the other."""
    if before == after:
        return after
    sort = _isort(first_party)
    if sort(before) == before:
        after = sort(after)
    if _black(before) == before:
        after = _black(after)
    return after
