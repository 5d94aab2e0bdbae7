"""Loads a generated package from its folder."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ..wire.errors import OpError

# Rows of the smallest chunk: a bfloat16 tile's.
CHUNK = 16
# Entries of a round, where a test wants several: two groups of rows of one expert.
SMALL_ROUND = 32
# Tokens whose sums are at hand then: several blocks, of as many as one step takes.
SMALL_BLOCK = 8
# Tokens that are ranked at once.
BLOCK = 128


@dataclasses.dataclass(frozen=True)
class MoePackage:
    """A generated kernel package and the constants that it states."""

    name: str
    kernel: ModuleType
    shapes: ModuleType
    # None where the spec wants none: what only compiles needs none.
    reference: ModuleType | None
    tiles: ModuleType | None
    # The helper that makes quantised weights.
    quantization: ModuleType | None = None
    # Which copies go between devices; None on one device, or where all goes straight.
    topology: ModuleType | None = None
    # Of a package of several schedules: `shapes` of each that has one.
    all_shapes: tuple[ModuleType, ...] = ()
    # None where the program around a call is compiled without any.
    options: ModuleType | None = None

    def compiler_options(self, tokens: int) -> dict[str, Any] | None:
        """What the program around a call of T tokens is compiled with, on a TPU; None: nothing."""
        told = {} if self.options is None else self.options.compiler_options(tokens)
        return dict(told) or None

    @property
    def experts(self) -> int:
        """E of all devices."""
        return int(self.shapes.NUM_EXPERTS)

    @property
    def held_experts(self) -> int:
        """Experts of all devices that weights lie for: E, or more where E does not divide."""
        return int(getattr(self.shapes, "HELD_EXPERTS", self.experts))

    @property
    def ids(self) -> int:
        """Ids that tokens choose among: E of experts, then those of identity experts."""
        return int(getattr(self.shapes, "NUM_IDS", self.experts))

    @property
    def top_k(self) -> int:
        """Experts that a token goes to."""
        return int(self.shapes.TOP_K)

    @property
    def hidden(self) -> int:
        """D, columns of a token row."""
        return int(self.shapes.HIDDEN_SIZE)

    @property
    def intermediate(self) -> int:
        """F, columns between an expert's projections, on all devices that share it."""
        return int(self.shapes.INTERMEDIATE_SIZE) * self.tp

    @property
    def ep(self) -> int:
        """Devices that experts are spread over."""
        return int(self.shapes.EP_SIZE)

    @property
    def tp(self) -> int:
        """Devices that each expert's columns are cut over."""
        return int(getattr(self.shapes, "TP_SIZE", 1))

    @property
    def devices(self) -> int:
        """Devices of the mesh."""
        return self.ep * self.tp

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the mesh axes, in order."""
        return tuple(self.shapes.MESH_AXES)

    @property
    def column_axes(self) -> tuple[str, ...]:
        """Those that experts' columns are cut over, the last ones; none where experts are whole."""
        return tuple(getattr(self.shapes, "COLUMN_AXES", ()))

    @property
    def axis_groups(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """Axes that the same devices span, and how many those are: of experts, then of columns."""
        inner = self.column_axes
        outer = self.axes[: len(self.axes) - len(inner)]
        return ((outer, self.ep), *([(inner, self.tp)] if inner else []))

    @property
    def splits(self) -> bool:
        """Whether some of these may be spread over two axes."""
        return any(len(axes) > 1 and count % 2 == 0 for axes, count in self.axis_groups)

    def small_pass_tiles(self, tokens: int) -> Any | None:
        """The table's tiles for T tokens with the fewest rows a pass and a row block may have;
        None where the package's tiles know no passes. Both are named as the kernel's shared parts
        name them (`src/kernel/api/pass-tiles.ts`), whatever the schedule."""
        if self.tiles is None:
            return None
        tiles = self.tiles.select_tiles(None, tokens)
        if not (hasattr(tiles, "pass_tokens") and hasattr(tiles, "_replace")):
            return None
        # Only weights that arrive in tiles know blocks of rows.
        block = {"row_block": tiles.bt} if hasattr(tiles, "row_block") else {}
        # So small they overlap wherever they may.
        overlap = {"passes_at_once": 2} if hasattr(tiles, "passes_at_once") else {}
        return tiles._replace(pass_tokens=min(tiles.pass_tokens, CHUNK), **block, **overlap)

    def chunk_tiles(self, tokens: int) -> Any | None:
        """The table's tiles for T tokens, with passes that hold three of the smallest chunks; where a
        device has more than a block of 128 tokens, one pass of all of them. A block of an expert's
        rows is three row tiles: experts have several blocks, the last one in part."""
        tiles = self.small_pass_tiles(tokens)
        if tiles is None:
            return None
        if hasattr(tiles, "row_block"):
            tiles = tiles._replace(row_block=3 * tiles.bt)
        # Sums of a block are at hand a part at a time, where they lie in HBM.
        if hasattr(tiles, "sum_slots"):
            tiles = tiles._replace(sum_slots=2)
        share = -(-tokens // self.devices)
        rows = 3 * CHUNK if share <= BLOCK else -(-share // BLOCK) * BLOCK
        whole = tiles._replace(pass_tokens=rows)
        # Where many devices share one number of tokens, a pass holds one block alone.
        return whole if _taken(whole) else tiles._replace(pass_tokens=BLOCK)

    @property
    def has_rounds(self) -> bool:
        """Whether experts are gone through in rounds of so many entries."""
        return hasattr(getattr(self.shapes, "Shape", None), "round_entries")

    @contextmanager
    def small_rounds(self) -> Iterator[None]:
        """Kernels that are traced meanwhile have room for SMALL_ROUND entries a round at most, and add
        up the results of SMALL_BLOCK tokens at a time."""
        shape = self.shapes.Shape
        entries, block = shape.round_entries, shape.sum_block
        shape.round_entries = property(lambda s: min(entries.fget(s), SMALL_ROUND))
        shape.sum_block = property(lambda s: min(block.fget(s), SMALL_BLOCK))
        try:
            yield
        finally:
            shape.round_entries, shape.sum_block = entries, block

    @contextmanager
    def collectives(self, instead: Any) -> Iterator[None]:
        """The kernel's module, while it is traced, has `instead` for `jax.lax`: collectives of XLA are
        around its calls alone, none is in a kernel."""
        before = vars(self.kernel).get("lax")
        if before is None:
            yield
            return
        vars(self.kernel)["lax"] = instead
        try:
            yield
        finally:
            vars(self.kernel)["lax"] = before

    @contextmanager
    def small_chunks(self) -> Iterator[None]:
        """Kernels that are traced meanwhile copy rows between HBM and VMEM CHUNK at a time; where a
        pass holds more than a block, twice as many: chunks of one group of rows would hide a group's
        offset in its chunk. Lists of a pass that holds more than a block are of one block each."""
        made = [getattr(module, "Shape", None) for module in self.all_shapes or (self.shapes,)]
        before = [(shape, shape.chunk) for shape in made if hasattr(shape, "chunk")]
        listed = [(shape, shape.list_tokens) for shape in made if hasattr(shape, "list_tokens")]
        for shape, _ in before:
            shape.chunk = property(
                lambda s: 2 * CHUNK if s.pass_tokens > BLOCK else min(s.pass_tokens, CHUNK)
            )
        for shape, _ in listed:
            shape.list_tokens = property(lambda s: min(s.pass_tokens, BLOCK))
        try:
            yield
        finally:
            for shape, chunk in before:
                shape.chunk = chunk
            for shape, tokens in listed:
                shape.list_tokens = tokens

    @property
    def dtype(self) -> Any:
        """The numpy dtype of rows, weights and result; DTYPE may be a name or a JAX type."""
        import jax.numpy as jnp

        return jnp.dtype(self.shapes.DTYPE)


def _taken(tiles: Any) -> bool:
    """Whether the package takes such tiles."""
    try:
        tiles.check()
    except ValueError:
        return False
    return True


class _Merged(ModuleType):
    """Modules as one: a name is that of the first that has it."""

    def __init__(self, modules: list[ModuleType]) -> None:
        super().__init__(modules[0].__name__)
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"{self.__name__} has no {name}")


def load(folder: str | Path) -> MoePackage:
    """Imports the package in `folder` under the folder's own name, afresh each time; of several kinds
    of layers the one in `folder`, which lies in the package of all.

    Raises:
        OpError: "NO_PACKAGE", there is none; "BAD_PACKAGE", importing it raises.
    """
    path = Path(folder).resolve()
    of_kinds = (path.parent / "layers.py").is_file()
    root = path.parent if of_kinds else path
    init = root / "__init__.py"
    if not init.is_file():
        raise OpError("NO_PACKAGE", f"no Python package in {path}", folder=str(path))
    above = root.name
    name = f"{above}.{path.name}" if of_kinds else above
    for loaded in [key for key in sys.modules if key == above or key.startswith(above + ".")]:
        del sys.modules[loaded]
    spec = importlib.util.spec_from_file_location(
        above, init, submodule_search_locations=[str(root)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[above] = module
    # The generated folder may be a user's own: leave no __pycache__ behind.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
        # What all kinds of layers have alike lies beside them.
        common = [(f"{above}.common", root / "common")] if of_kinds else []
        alike = bool(common) and not (path / "kernel.py").is_file()
        kernel = importlib.import_module(f"{common[0][0] if alike else name}.kernel")
        reference, tiles, quantization, options = (
            _merged([(name, path), *common], module)
            for module in ("reference", "tiles", "quantization", "compiler_options")
        )
        # Of several schedules each has a folder; a package of one module states its sizes there.
        parts = sorted(found.parent.name for found in path.glob("*/kernel.py"))
        folders = [(f"{name}.{part}", path / part) for part in parts] or [(name, path)]
        if common:
            folders = [(name, path)]
        all_shapes = [
            found for one in folders if (found := _merged([one, *common], "shapes")) is not None
        ]
        shapes = next(iter(all_shapes), None) or importlib.import_module(f"{folders[0][0]}.kernel")
        topology = next(iter(_those_with([*folders, *common], "topology")), None)
    except Exception as error:
        message = f"importing {name} failed: {type(error).__name__}: {error}"
        raise OpError("BAD_PACKAGE", message, folder=str(path)) from error
    finally:
        sys.dont_write_bytecode = before
    return MoePackage(
        name, kernel, shapes, reference, tiles, quantization, topology, tuple(all_shapes), options
    )


def _merged(folders: list[tuple[str, Path]], module: str) -> ModuleType | None:
    """A module in parts that lie in several packages; None where none of them has it."""
    found = _those_with(folders, module)
    return _Merged(found) if len(found) > 1 else next(iter(found), None)


def _those_with(folders: list[tuple[str, Path]], module: str) -> list[ModuleType]:
    """A module of each package, by name and folder, that has it."""
    return [
        importlib.import_module(f"{name}.{module}")
        for name, folder in folders
        if (folder / f"{module}.py").is_file()
    ]
