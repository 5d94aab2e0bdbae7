"""What the makers of mutants know: the source, its places, and the plan."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any, NamedTuple

from .copies import Copy
from .effects import Analysis
from .mutant import Edit
from .sites import Sync, statements
from .source import Source

Plan = dict[str, Any]


class Found(NamedTuple):
    """A mutant before it is written: kind, change, words, the node that it is about."""

    kind: str
    change: str
    what: str
    node: ast.AST
    # Where it belongs in the plan.
    sync: Sync | None
    edit: Edit
    # Of the statement's copies those that it is about; None: all.
    copies: tuple[Copy, ...] | None = None
    name: str | None = None


@dataclasses.dataclass
class Context:
    """A package and the plan of its kernel."""

    analysis: Analysis
    syncs: list[Sync]
    plan: Plan
    # The plan's layer.
    layer: Plan

    @classmethod
    def of(cls, source: Source, plan: Plan, layer: Plan) -> Context:
        """A source analysed, with all its statements that synchronise."""
        analysis = Analysis(source)
        return cls(analysis, statements(analysis), plan, layer)

    def slots(self) -> dict[str, int]:
        """Slots of the buffers that have several."""
        return {b["name"]: b["slots"] for b in self.plan["buffers"] if b["slots"] > 1}

    def semaphores(self) -> dict[str, int]:
        """How many there are of each semaphore of copies, in the plan's order."""
        return {s["name"]: s["count"] for s in self.plan["semaphores"] if s["kind"] == "dma"}
