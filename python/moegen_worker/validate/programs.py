"""Compiled programs of one package on simulated devices; cases that agree share one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from ..package import arguments, model
from ..package.loading import MoePackage
from ..simulate import interpreter, promises
from ..simulate.collectives import Meetings
from .cases import Case


@dataclasses.dataclass(frozen=True)
class Program:
    """What a compiled program depends on."""

    tokens: int
    split_mesh: bool = False
    small_passes: bool = False
    small_chunks: bool = False
    one_by_one: bool = False

    @classmethod
    def of(cls, case: Case, tokens: int) -> Program:
        """The program that a case with T tokens runs in."""
        return cls(tokens, case.split_mesh, case.small_passes, case.small_chunks, case.one_by_one)


@dataclasses.dataclass(frozen=True)
class Target:
    """A package, the layer it is of, and how callers lay it over devices."""

    package: MoePackage
    layer: model.Layer
    token_axes: tuple[str, ...] | None = None
    form: str = "plain"
    # For runs in turns alone: a device that fails does not leave others at a collective of XLA.
    in_turns: bool = False

    def place(self, split: bool) -> arguments.Placement:
        """How its arguments lie on JAX's devices; `split`: experts over two mesh axes."""
        import jax

        return arguments.place(self.package, jax.devices(), self.token_axes, split, self.form)


class Programs:
    """Compiles ahead of the case that needs it: that does not hold Python's lock, running does."""

    def __init__(self, target: Target, planned: Sequence[tuple[Case, int]]) -> None:
        self._target = target
        self._compiler = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")
        self._futures: dict[Program, Future[Any]] = {}
        # Most calls in a row that a program makes; one that makes several loops over them.
        self._calls: dict[Program, int] = {}
        for case, tokens in planned:
            program = Program.of(case, tokens)
            self._calls[program] = max(self._calls.get(program, 1), case.calls)

    def calls(self, program: Program) -> int:
        """Calls in a row that the program makes at the most."""
        return self._calls.get(program, 1)

    def get(self, program: Program) -> Future[Any]:
        """The compiled program, started on first mention. It takes how many calls to make, then
        the arguments, those of a call stacked for all calls; it returns (calls, T, D)."""
        if program not in self._futures:
            self._futures[program] = self._compiler.submit(self._build, program)
        return self._futures[program]

    def _build(self, program: Program) -> Any:
        import jax
        import jax.numpy as jnp

        package, place = self._target.package, self._target.place(program.split_mesh)
        wanted = arguments.of(package, self._target.layer, program.tokens)
        most = self.calls(program)
        options: dict[str, Any] = {"interpret": interpreter.params()}
        if program.small_passes:
            options["tiles"] = package.small_pass_tiles(program.tokens)
        if program.one_by_one:
            options["tiles"] = options["tiles"]._replace(passes_at_once=1)
        if program.small_chunks:
            options["tiles"] = package.chunk_tiles(program.tokens)

        def one(index: Any, arrays: Sequence[Any]) -> Any:
            of_call = [
                (
                    array
                    if argument.owned
                    else jax.lax.dynamic_index_in_dim(array, index, keepdims=False)
                )
                for argument, array in zip(wanted, arrays, strict=True)
            ]
            return package.kernel.fused_ep_moe(place.mesh, *of_call, **options)

        def calls(times: Any, *arrays: Any) -> Any:
            if most == 1:
                return one(0, arrays)[None]

            # A loop: traced and compiled once, whether it makes one call or several.
            def step(index: Any, results: Any) -> Any:
                return results.at[index].set(one(index, arrays))

            return jax.lax.fori_loop(0, times, step, jnp.zeros_like(arrays[0]))

        structs = [place.struct(argument, most) for argument in wanted]
        times = jax.ShapeDtypeStruct((), jnp.int32)
        with ExitStack() as traced:
            # The kernel is traced here: what runs later has its indices already.
            traced.enter_context(promises.held())
            if program.small_chunks:
                traced.enter_context(package.small_chunks())
            if program.small_passes and package.has_rounds:
                traced.enter_context(package.small_rounds())
            if self._target.in_turns:
                traced.enter_context(package.collectives(Meetings(package.axes)))
            return jax.jit(calls).lower(times, *structs).compile()

    def close(self) -> None:
        """Ends the thread that compiles; what it has not begun is dropped."""
        self._compiler.shutdown(wait=False, cancel_futures=True)
