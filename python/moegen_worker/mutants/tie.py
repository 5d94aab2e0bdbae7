"""The places of the source against the streams of the plan: each has the other."""

from __future__ import annotations

from ..wire.errors import OpError
from .context import Context
from .copies import Copy, base
from .effects import AWAIT, SIGNAL
from .source import Source

Key = tuple[str, str, bool, frozenset[str]]


def _split(text: str) -> set[str]:
    return {part.strip() for part in text.split(",")}


def key_of(copy: Copy) -> Key:
    """What tells a copy of one stream from that of another."""
    return copy.source, copy.destination, copy.remote, copy.names()


def streams_of(context: Context) -> dict[Key, str]:
    """The plan's stream of each `key_of` that the kernel copies.

    Raises:
        OpError: "PLAN", with every disagreement: a copy without a stream, or on other semaphores
            than its stream's; a stream without a start or without a wait; a start or a wait in a
            stage that the plan does not say starts or awaits it; a semaphore or barrier that one
            side lacks.
    """
    source, plan = context.analysis.source, context.plan
    stages = {stage["name"]: stage for stage in plan["stages"]}
    tied: dict[Key, str] = {}
    problems: list[str] = []
    methods: dict[str, set[str]] = {stream["name"]: set() for stream in plan["streams"]}
    for sync in context.syncs:
        place = source.at(sync.statement)
        for copy in sync.copies:
            found = [
                stream
                for stream in plan["streams"]
                if copy.source in _split(stream["source"])
                and copy.destination in _split(stream["destination"])
                and copy.remote == stream["remote"]
            ]
            if len(found) > 1:
                # Between the same buffers, so on semaphores of their own.
                own = [each for each in found if copy.names() == _split(each["semaphore"])]
                found = own or found
            what = f"copy of {copy.source} to {copy.destination}"
            if len(found) != 1:
                problems.append(f"{place}: {what}: {len(found)} streams of the plan")
                continue
            stream = found[0]
            tied[key_of(copy)] = stream["name"]
            methods[stream["name"]].add(sync.method)
            if copy.names() != _split(stream["semaphore"]):
                wanted = f"{stream['semaphore']}, as in stream {stream['name']}"
                problems.append(
                    f"{place}: {what} on {', '.join(sorted(copy.names()))}, not {wanted}"
                )
            side = "starts" if sync.method == "start" else "waits"
            stage = stages.get(sync.stage or "")
            if stage is not None and stream["name"] not in stage[side]:
                problems.append(f"{place}: stage {sync.stage} {side} {stream['name']}, unplanned")
    for name, used in methods.items():
        remote = {stream["name"]: stream["remote"] for stream in plan["streams"]}[name]
        wanted = {"start", "wait_send", "wait_recv"} if remote else {"start", "wait"}
        missing = sorted(wanted - used)
        if missing:
            problems.append(f"stream {name}: no {', no '.join(missing)} in the source")
    problems += _semaphores(context, source)
    if problems:
        message = "plan and source do not agree:\n" + "\n".join(problems)
        raise OpError("PLAN", message, problems=problems)
    return tied


def _semaphores(context: Context, source: Source) -> list[str]:
    planned = set(context.semaphores())
    used = {name for s in context.syncs for copy in s.copies for name in copy.names()}
    problems = [f"semaphore {name}: not in the plan" for name in sorted(used - planned)]
    problems += [f"semaphore {name}: not in the source" for name in sorted(planned - used)]
    barriers = [s for s in context.plan["semaphores"] if s["kind"] == "barrier"]
    there = {s.method for s in context.syncs} & {SIGNAL, AWAIT}
    if bool(barriers) != (there == {SIGNAL, AWAIT}):
        problems.append(f"barrier: {len(barriers)} in the plan, {sorted(there)} in the source")
    slots = context.slots()
    indexed = {base(node) for node in source.nodes if hasattr(node, "slice")}
    problems += [f"buffer {name}: its slots are not in the source" for name in set(slots) - indexed]
    return problems
