"""Compiles any other Python kernel through an adapter file, and helps adapters to import theirs.

An adapter is a Python file with `NAME`, `PACKAGES` (what to install) and `build(case)`; what these
are is described in examples/peers/README.md.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import importlib.util
import sys
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..wire.errors import OpError
from . import bundles


@dataclasses.dataclass(frozen=True)
class Case:
    """What an adapter is asked to build: one layer, one call, one kind of TPU."""

    experts: int
    top_k: int
    hidden: int
    intermediate: int
    # Name of a jax.numpy type.
    dtype: str
    # silu, gelu, ...; a dict where it has parameters.
    activation: Any
    ep: int
    # T, all devices together, and the rows of one expert under uniform routing.
    tokens: int
    rows: int
    # Devices of a slice that need not exist, at least ep.
    devices: tuple[Any, ...]


# ------------------------------------------------------------------------- what adapters may use


def bare_package(name: str, stubs: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Makes `name` importable without running its `__init__`, which may want a whole server.

    `stubs` gives modules of it with their members: they take the place of the real ones. Where the
    package is loaded already it stays as it is.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package = types.ModuleType(name)
    package.__path__ = places
    sys.modules[name] = package
    for module, members in (stubs or {}).items():
        parent = name
        for part in module.removeprefix(f"{name}.").split(".")[:-1]:
            path = [str(Path(place) / part) for place in sys.modules[parent].__path__]
            parent = f"{parent}.{part}"
            if parent not in sys.modules:
                sys.modules[parent] = types.ModuleType(parent)
                sys.modules[parent].__path__ = path
        stub = types.ModuleType(module)
        vars(stub).update(members)
        sys.modules[module] = stub


class _AddScopes(ast.NodeTransformer):
    def __init__(self, scopes: Mapping[str, str]) -> None:
        self.scopes = scopes
        self.seen: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:  # noqa: N802
        self.generic_visit(node)
        if node.name in self.scopes:
            self.seen.add(node.name)
            scope = ast.parse(f"__import__('jax').named_scope({self.scopes[node.name]!r})")
            node.decorator_list.append(scope.body[0].value)
        return node


def import_scoped(module: str, scopes: Mapping[str, str]) -> types.ModuleType:
    """Imports `module` with a named scope around each function in `scopes` (function: scope).

    For kernels that name none themselves; the file on disk is not touched. Functions inside
    functions are found by their name.

    Raises:
        ModuleNotFoundError: the module is not installed.
        AttributeError: it lacks one of the functions.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    transform = _AddScopes(scopes)
    tree = transform.visit(ast.parse(Path(spec.origin).read_text("utf-8"), spec.origin))
    missing = sorted(set(scopes) - transform.seen)
    if missing:
        raise AttributeError(f"{module} has no function {', '.join(missing)}: another version?")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    exec(compile(ast.fix_missing_locations(tree), spec.origin, "exec"), vars(made))
    return made


# ------------------------------------------------------------------------------- running adapters


def load_adapter(path: str | Path) -> types.ModuleType:
    """Runs an adapter file; its NAME, PACKAGES and build(case) are there afterwards.

    Raises:
        OpError: "NO_ADAPTER", there is no such file; "BAD_ADAPTER", it raises or lacks one of them.
    """
    file = Path(path)
    if not file.is_file():
        raise OpError("NO_ADAPTER", f"there is no adapter {path}", path=str(path))
    spec = importlib.util.spec_from_file_location(f"moegen_adapter_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        message = f"adapter {path} does not load: {type(error).__name__}: {error}"
        raise OpError("BAD_ADAPTER", message, path=str(path)) from error
    for name, kind in (("NAME", str), ("PACKAGES", (list, tuple))):
        if not isinstance(getattr(module, name, None), kind):
            raise OpError("BAD_ADAPTER", f"adapter {path} lacks {name}", path=str(path))
    if not callable(getattr(module, "build", None)):
        raise OpError("BAD_ADAPTER", f"adapter {path} lacks build(case)", path=str(path))
    return module


def _stages(call: Any, path: str) -> list[dict[str, Any]]:
    """`{stage: {trips, loops, scopes}}` as a list; `scopes` are the kernel's own names.

    Raises:
        OpError: "BAD_ADAPTER", the call lacks its function, arguments or stages.
    """
    if not isinstance(call, dict) or not {"function", "arguments", "stages"} <= set(call):
        message = f"build(case) of {path} must return function, arguments and stages"
        raise OpError("BAD_ADAPTER", message, path=path)
    return [
        {
            "name": str(name),
            "trips": float(stage.get("trips", 1)),
            "loops": [float(trips) for trips in stage.get("loops", ())],
            "scopes": [str(scope) for scope in stage.get("scopes", (name,))],
        }
        for name, stage in call["stages"].items()
    ]


def _rename(schedule: Any, kernel: int, names: Mapping[str, str]) -> None:
    """Gives the kernel's own scopes the adapter's stage names."""

    def renamed(path: str) -> str:
        parts = path.split("/")
        return "/".join(names.get(f"{kernel}:{part}", names.get(part, part)) for part in parts)

    for region in schedule.regions:
        region.scope = renamed(region.scope)
    for loop in bundles.walk(schedule.loops):
        loop.scope = renamed(loop.scope)


def versions(packages: list[str]) -> dict[str, str | None]:
    """Installed versions by package, of requirements such as "flax==0.12"; None: not there."""
    found: dict[str, str | None] = {}
    for requirement in packages:
        name = requirement.split("==")[0].strip()
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def compile_peer(path: str, slices: list[dict[str, Any]], layer: dict[str, Any]) -> dict[str, Any]:
    """Builds, compiles and reads one case of one adapter.

    Raises:
        OpError: "PEER_MISSING", a module of the peer is not installed; "NO_SCHEDULE", the compiler
            dumped none; and what `load_adapter` raises.
    """
    import jax

    from . import aot

    adapter = load_adapter(path)
    name = aot.large_enough(slices, int(layer["ep"]))[0]
    case = Case(**layer, devices=tuple(aot.topology(name).devices))
    result = {"name": adapter.NAME, "versions": versions(list(adapter.PACKAGES))}
    try:
        call = adapter.build(case)
    except ModuleNotFoundError as error:
        wanted = ", ".join(adapter.PACKAGES)
        message = f"{adapter.NAME} needs {error.name}, which is not installed ({wanted})"
        raise OpError("PEER_MISSING", message, packages=list(adapter.PACKAGES)) from error
    stages = _stages(call, path)
    names = {scope: stage["name"] for stage in stages for scope in stage["scopes"]}
    dump = aot.dump_folder()
    aot.empty(dump)
    start = time.perf_counter()
    compiled = jax.jit(call["function"]).lower(*call["arguments"]).compile()
    seconds = round(time.perf_counter() - start, 3)
    schedules = []
    for number, kernel in enumerate(aot.kernel_names(compiled.as_text())):
        for schedule in aot.schedules_of(dump, kernel) if dump is not None else ():
            _rename(schedule, number, names)
            schedules.append(schedule)
    aot.empty(dump)
    if not schedules:
        raise OpError("NO_SCHEDULE", f"the compiler dumped no schedule of {adapter.NAME}")
    merged = bundles.merge(schedules)
    return {
        **result,
        "note": str(call.get("note", "")),
        "tiles": str(call.get("tiles", "")),
        "bundles": merged.total,
        "stages": [{key: stage[key] for key in ("name", "trips", "loops")} for stage in stages],
        "profile": merged.profile_json(),
        "seconds": seconds,
    }
