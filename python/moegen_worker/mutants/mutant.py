"""One kernel with one fault."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable
from pathlib import Path

from .copies import Copy
from .source import Edited, Source, Tree

SYNC = ("wait", "start", "barrier", "semaphore", "slot", "guard")
ARITHMETIC = ("offset", "block", "part", "mask", "last") + (
    "rounding",
    "accumulation",
    "scale",
    "bias",
    "order",
)
FAMILIES = {"sync": SYNC, "arithmetic": ARITHMETIC}
KINDS = SYNC + ARITHMETIC
CHANGES = ("dropped", "duplicated", "moved", "swapped")

# What faults need at run time, beside the package's own modules.
HELPERS = '''"""Parts of faults."""

import dataclasses

import jax
import jax.numpy as jnp


def narrow(values):
    """Values as bfloat16 rounds them, in the type that they have."""
    return values.astype(jnp.bfloat16).astype(values.dtype)


def truncated(values, dtype):
    """float32 values without the bits that bfloat16 has no room for."""
    bits = jax.lax.bitcast_convert_type(values, jnp.uint32) & jnp.uint32(0xFFFF0000)
    return jax.lax.bitcast_convert_type(bits, jnp.float32).astype(dtype)


def whole(part):
    """The reference that another is a part of, or is itself."""
    return getattr(part, "ref", part)


def is_of(copy, source):
    """Whether a copy is one of `source`, which may be a slot of a buffer itself."""
    return whole(copy.src_ref) is whole(source)


def elsewhere(copy, source, part, semaphore):
    """A copy of `source` with another semaphore, at the same index; others as they are."""
    if not is_of(copy, source):
        return copy
    copy._used = True
    changed = dataclasses.replace(getattr(copy, part), ref=semaphore)
    return dataclasses.replace(copy, **{part: changed})
'''


@dataclasses.dataclass(frozen=True)
class Mutant:
    """`kind` and `change`, what it does in words, and where: in the source and in the plan.

    Attributes:
      streams, semaphores: names of the plan.
      texts: the changed modules, by file.
    """

    kind: str
    change: str
    what: str
    file: str
    line: int
    stage: str | None
    streams: tuple[str, ...]
    semaphores: tuple[str, ...]
    texts: dict[str, str]
    name: str | None = None
    # A fault that another kernel has had.
    named: bool = False

    @property
    def id(self) -> str:
        """The same in every run."""
        return self.name or f"{self.kind}-{self.change}-{self.file.removesuffix('.py')}-{self.line}"

    @property
    def family(self) -> str:
        """ "sync" or "arithmetic", by its kind."""
        return "arithmetic" if self.kind in ARITHMETIC else "sync"

    def described(self) -> dict[str, object]:
        """As data, without the texts."""
        return {
            "id": self.id,
            "family": self.family,
            "kind": self.kind,
            "change": self.change,
            "what": self.what,
            "file": self.file,
            "line": self.line,
            "stage": self.stage,
            "streams": list(self.streams),
            "semaphores": list(self.semaphores),
            "named": self.named,
        }

    def write(self, package: str | Path, folder: str | Path) -> Path:
        """Writes the package with the fault below `folder`."""
        package = Path(package)
        target = Path(folder) / package.name
        target.mkdir(parents=True)
        for path in package.glob("*.py"):
            text = self.texts.get(path.name) or path.read_text("utf-8")
            (target / path.name).write_text(text, "utf-8")
        (target / "mutation.py").write_text(HELPERS, "utf-8")
        return target


Edit = Callable[[Edited], None]


class Editor:
    """Applies changes to copies of a source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        # Text of each statement of a module: a fault changes few of them.
        self._parts = {part: _text([part]) for tree in source.trees.values() for part in tree.body}
        self._texts = {file: self._written(tree) for file, tree in source.trees.items()}

    def _written(self, tree: ast.Module) -> str:
        """A module as text, functions and classes apart from what is before them."""
        texts: list[str] = []
        for part in tree.body:
            apart = texts and isinstance(part, ast.FunctionDef | ast.ClassDef)
            texts.append(("\n" if apart else "") + (self._parts.get(part) or _text([part])))
        return "\n".join(texts)

    def whole(self) -> dict[str, str]:
        """All modules, as they are."""
        return dict(self._texts)

    def texts(self, edit: Edit) -> dict[str, str]:
        """The modules after an edit, with what faults need to import; none where it changes none.
        All of them: a module may be written out otherwise than in the package (`source.BOTH`)."""
        changed = self.source.edited()
        edit(changed)
        result = dict(self._texts)
        for file, tree in changed.trees.items():
            text = self._written(tree)
            if text != self._texts[file]:
                needed = "from .mutation import elsewhere, is_of, narrow, truncated\n"
                # What says the sizes has no need to import them.
                if file != "shapes.py":
                    needed += "from .shapes import EP_SIZE\n"
                docstring = text.find('"""', 3) + 3
                result[file] = f"{text[:docstring]}\n{needed}{text[docstring:]}\n"
        return {} if result == self._texts else result


def _text(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(statements, type_ignores=[]))


def replace(source: Tree, node: ast.AST, instead: ast.AST) -> None:
    """Puts one expression in the place of another.

    Raises:
        ValueError: the tree does not hold the node.
    """
    parent = source.parents[node]
    for field, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, field, instead)
            return
        if isinstance(value, list) and node in value:
            value[value.index(node)] = instead
            return
    raise ValueError(f"not found: {ast.unparse(node)}")


def insert(source: Tree, beside: ast.stmt, statement: ast.stmt, *, after: bool) -> None:
    """Puts a statement before or after another of its block."""
    block = source.block_of(beside)
    block.insert(block.index(beside) + after, statement)


def remove(source: Tree, statement: ast.stmt) -> None:
    """Puts `pass` in the place of a statement: a block is never empty."""
    block = source.block_of(statement)
    block[block.index(statement)] = ast.Pass()


def expression(text: str) -> ast.expr:
    """The syntax tree of an expression."""
    return ast.parse(text, mode="eval").body


def names(copies: list[Copy] | tuple[Copy, ...]) -> tuple[str, ...]:
    """Names of all semaphores of some copies, each once."""
    return tuple(dict.fromkeys(name for copy in copies for name in sorted(copy.names())))
