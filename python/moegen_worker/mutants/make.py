"""All mutants of a package, tied to its plan."""

from __future__ import annotations

from pathlib import Path

from . import guards, indices, named, syncs
from .context import Context, Found, Plan
from .mutant import Editor, Mutant, names
from .source import Source
from .tie import streams_of

MAKERS = (named.made, syncs.made, indices.made, guards.made)


def mutants(folder: str | Path, plan: Plan) -> list[Mutant]:
    """Those of one kernel plan; raises OpError where plan and source do not agree."""
    source = Source.read(folder)
    context = Context.of(source, plan)
    tied = streams_of(context)
    editor = Editor(source)
    found: list[Mutant] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    taken: dict[str, int] = {}
    for maker in MAKERS:
        for one in maker(context):
            texts = editor.texts(one.edit)
            key = tuple(sorted(texts.items()))
            # Two ways to the same text are one mutant.
            if not texts or key in seen:
                continue
            seen.add(key)
            found.append(_mutant(context, one, texts, tied))
            taken[found[-1].id] = taken.get(found[-1].id, 0) + 1
    return found


def _mutant(
    context: Context, found: Found, texts: dict[str, str], tied: dict[tuple[str, str], str]
) -> Mutant:
    source, sync = context.analysis.source, found.sync
    copies = found.copies
    if copies is None:
        copies = sync.copies if sync is not None else ()
    streams = dict.fromkeys(tied[(c.source, c.destination)] for c in copies)
    stage = sync.stage if sync is not None else None
    return Mutant(
        kind=found.kind,
        change=found.change,
        what=found.what,
        number=source.numbers[found.node],
        file=source.files[found.node],
        line=getattr(found.node, "lineno", 0),
        stage=stage,
        streams=tuple(streams),
        semaphores=names(copies) if copies else ("barrier",) if found.kind == "barrier" else (),
        texts=texts,
        name=found.name,
    )
