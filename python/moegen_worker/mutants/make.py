"""All mutants of a package, tied to its plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

from . import extents, guards, indices, named, order, syncs, values
from .context import Context, Found, Plan
from .mutant import Editor, Mutant, names
from .places import Places
from .source import Source
from .tie import Key, key_of, streams_of

MAKERS = {
    "sync": (named.made, syncs.made, indices.made, guards.made),
    "arithmetic": (extents.made, values.made, order.made),
}


def mutants(
    folder: str | Path,
    plan: Plan,
    layer: Plan,
    served: str | Path | None = None,
    families: Collection[str] = tuple(MAKERS),
) -> list[Mutant]:
    """Those of one kernel plan; raises OpError where plan and source do not agree. Lines are those
    of the package in the folder `served`, where that is another."""
    source = Source.read(folder)
    if served is not None:
        source.line = Places(source, Source.read(served)).line
    context = Context.of(source, plan, layer)
    tied = streams_of(context)
    editor = Editor(source)
    found: list[Mutant] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    taken: dict[str, int] = {}
    for maker in (m for family, makers in MAKERS.items() if family in families for m in makers):
        for one in maker(context):
            texts = editor.texts(one.edit)
            key = tuple(sorted(texts.items()))
            # Two ways to the same text are one mutant.
            if not texts or key in seen:
                continue
            seen.add(key)
            mutant = _mutant(context, one, texts, tied)
            number = taken[mutant.id] = taken.get(mutant.id, 0) + 1
            if number > 1:
                mutant = dataclasses.replace(mutant, name=f"{mutant.id}-{number}")
            found.append(mutant)
    return found


def unchanged(folder: str | Path) -> Mutant:
    """The package written out as mutants are, without a fault."""
    source = Source.read(folder)
    texts = Editor(source).whole()
    return Mutant("", "", "", "", 0, None, (), (), texts, name="none")


def _mutant(context: Context, found: Found, texts: dict[str, str], tied: dict[Key, str]) -> Mutant:
    source, sync = context.analysis.source, found.sync
    copies = found.copies
    if copies is None:
        copies = sync.copies if sync is not None else ()
    streams = dict.fromkeys(tied[key_of(c)] for c in copies)
    stage = sync.stage if sync is not None else None
    return Mutant(
        kind=found.kind,
        change=found.change,
        what=found.what,
        file=source.files[found.node],
        line=source.line(found.node),
        stage=stage,
        streams=tuple(streams),
        semaphores=names(copies) if copies else ("barrier",) if found.kind == "barrier" else (),
        texts=texts,
        name=found.name,
        named=found.name is not None,
    )
