"""Runs cases on simulated devices, and the package's reference against the oracle."""

from __future__ import annotations

import copy
import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..package import arguments
from ..package.loading import MoePackage
from ..simulate import interpreter
from ..simulate.machine import Machine
from ..simulate.order import Order, of_seed
from ..simulate.threads import Threads
from . import bits, judging, links, rounding
from .cases import Case
from .inputs import InputMaker, Inputs
from .judging import Verdict
from .programs import Program, Programs, Target
from .references import References


class Bench:
    """One package on one set of simulated devices: compiled programs and weights are kept."""

    def __init__(self, target: Target, seed: int, planned: Sequence[tuple[Case, int]]) -> None:
        """`planned` is every case with its T: what can be shared is known before the first."""
        self._target, self._seed = target, seed
        self._package, self._layer = target.package, target.layer
        self._planned = planned
        self._programs = Programs(target, planned)
        self._maker = InputMaker(self._package, self._layer, seed)
        # References run at the largest T, so that they are compiled once.
        most = max([tokens for _, tokens in planned], default=1)
        self._references = References(self._package, self._layer, self._maker, seed, most)
        # By bucket: of several schedules each rounds in places of its own.
        # And by the model's identity: the maker keeps each.
        self._roundings: dict[tuple[int, int], rounding.Model] = {}
        self._placed: dict[tuple[int, bool], dict[str, Any]] = {}
        # Copies that the last call in turns started.
        self.copies: int | None = None
        self._astray = links.check(self._package)
        # Before the first kernel is traced.
        self._owners = rounding.Owners.of(self._package)
        interpreter.quicken()

    def _rounding(self, inputs: Inputs) -> rounding.Model:
        """How the kernel of a call of so many tokens rounds."""
        tokens = inputs.tokens.shape[1]
        buckets = self._layer.get("buckets") or [{"upTo": tokens}]
        at = next((at for at, one in enumerate(buckets) if tokens <= one["upTo"]), len(buckets) - 1)
        weights = self._maker.unmarked(inputs.model)
        key = at, id(weights)
        if key not in self._roundings:
            self._roundings[key] = rounding.Model(
                {**self._layer, **buckets[at]},
                self._package.dtype,
                weights,
                self._owners,
            )
        return self._roundings[key]

    def on(self, package: MoePackage) -> Bench:
        """The same inputs and references for another kernel of the same sizes."""
        other = copy.copy(self)
        other._programs = Programs(
            dataclasses.replace(self._target, package=package), self._planned
        )
        other._astray = links.check(package)
        return other

    def start(self, case: Case, tokens: int) -> None:
        """Begins to compile what the case needs."""
        self._programs.get(Program.of(case, tokens))

    def runs(self, case: Case, tokens: int, seeds: Sequence[int]) -> Verdict:
        """One case in the orders of some seeds, until one is wrong; none: as threads come."""
        verdict = self.run(case, tokens) if not seeds else {}
        for seed in seeds:
            order = of_seed(seed, self._package.devices)
            verdict = self.run(case, tokens, order)
            if not verdict["ok"]:
                shown = {"seed": seed, "text": str(order)}
                return {**verdict, "failure": {**verdict.get("failure", {}), "order": shown}}
        return verdict

    def run(self, case: Case, tokens: int, order: Order | None = None) -> Verdict:
        """One case: `{ok, error, failure?}`; in turns, where there is an `order`."""
        # Simulated devices have no places, so no case would tell.
        if self._astray is not None:
            return self._astray
        inputs = self._maker.make(case, tokens, self._references.route)
        verdict, result = self._call(case, inputs, order, self._judged(case))
        if not case.bits or result is None or not verdict["ok"]:
            return verdict
        made = self._maker, self._references.route, order is not None
        for other in bits.others(case, inputs, self._package, *made):
            found, own = self._call(other.case, other.inputs, order, lambda *_: {"ok": True})
            difference = "" if own is None else other.difference(result[0], own[0])
            if difference or not found["ok"]:
                message = difference or f"{other.what}: {found['failure']['message']}"
                failure = {**found.get("failure", {}), "message": message}
                return {**verdict, "ok": False, "failure": failure}
        return verdict

    def _judged(self, case: Case) -> Callable[[Inputs, np.ndarray], Verdict]:
        if not case.fingerprint:
            return functools.partial(self.judge, small_rounds=case.small_passes)
        return lambda inputs, result: judging.ids(
            self._layer, inputs, result, self._rounding(inputs)
        )

    def _call(
        self,
        case: Case,
        inputs: Inputs,
        order: Order | None,
        judged: Callable[[Inputs, np.ndarray], Verdict],
    ) -> tuple[Verdict, np.ndarray | None]:
        """The verdict on a case's calls with these inputs, and their results where there are any."""
        tokens = inputs.tokens.shape[1]
        wanted = Program.of(case, tokens)
        try:
            program = self._programs.get(wanted).result()
        except Exception as error:  # noqa: BLE001 - a kernel that does not trace is a finding
            message = f"{type(error).__name__}: {str(error).strip()}"
            return judging.failed("the kernel does not build", error=message[:3000]), None
        arrays = self._place(inputs, case, wanted)
        times = np.int32(case.calls)
        refs = getattr(self._package.shapes, "Refs", None)
        names = () if refs is None else tuple(refs._fields)
        devices: Machine | Threads = Threads(names)
        if order is not None:
            # Where T does not divide, XLA's own copies between two calls hold devices together.
            together = tokens % self._package.devices != 0
            devices = Machine(self._package.devices, case.calls, order, together, names)
        outcome = interpreter.run(lambda: program(times, *arrays), devices)
        self.copies = outcome.copies
        if outcome.value is None:
            what = "out-of-bounds access" if outcome.out_of_bounds else "the kernel raised"
            what = outcome.deadlock or what
            return judging.failed(what, **judging.reports(outcome)), None
        result = np.asarray(outcome.value)[: case.calls]
        verdict = judged(inputs, result)
        if outcome.clean:
            return verdict, result
        what = "data race" if outcome.races else "semaphore not zero at the end of the kernel"
        if outcome.unfinished and not outcome.races:
            what = outcome.unfinished[0]
        before = verdict.get("failure", {})
        message = f"{what}; {before['message']}" if before else what
        failure = {**before, "message": message, **judging.reports(outcome)}
        return {**verdict, "ok": False, "failure": failure}, result

    def inputs(self, case: Case, tokens: int) -> Inputs:
        """What the case feeds the kernel at T = `tokens`."""
        return self._maker.make(case, tokens, self._references.route)

    def weights(self) -> dict[str, np.ndarray]:
        """The model's arguments by name."""
        return self._references.arrays(self._maker.model(marked=False))

    def judge(
        self,
        inputs: Inputs,
        result: np.ndarray,
        device_of: np.ndarray | None = None,
        small_rounds: bool = False,
    ) -> Verdict:
        """(calls, T, D) of these inputs against the package's reference; `device_of` (T,): each
        token's device, absent as T tokens are dealt out."""
        return judging.sums(
            self._layer,
            inputs,
            result,
            lambda call: self._references.sums(inputs, call),
            lambda call: self._rounding(inputs).call(inputs, call, device_of, small_rounds),
        )

    def device_of(self, tokens: int) -> np.ndarray:
        """(T,) device that each of T tokens belongs to."""
        return self._owners.of_tokens(tokens)

    def check_reference(self) -> Verdict:
        """The package's reference against the oracle."""
        return self._references.check()

    def _place(self, inputs: Inputs, case: Case, program: Program) -> list[Any]:
        """The arguments on the devices; the model's stay there from case to case."""
        import jax

        place = self._target.place(program.split_mesh)
        owned = self._placed.setdefault((id(inputs.model), program.split_mesh), {})
        # A program of several calls takes inputs for all of them, whatever the case makes.
        missing = self._programs.calls(program) - case.calls
        arrays = []
        for argument in arguments.of(self._package, self._layer, program.tokens):
            if argument.owned:
                if argument.name not in owned:
                    array = self._references.arrays(inputs.model)[argument.name]
                    owned[argument.name] = jax.device_put(array, place.sharding(argument))
                arrays.append(owned[argument.name])
                continue
            array = inputs.of_call(argument.name)
            array = np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
            arrays.append(jax.device_put(array, place.sharding(argument, leading=1)))
        return arrays

    def close(self) -> None:
        """Ends the thread that compiles; what it has not begun is dropped."""
        self._programs.close()


def timed(work: Callable[[], Verdict]) -> dict[str, Any]:
    """What `work` gives, with the wall seconds that it took."""
    start = time.perf_counter()
    result = work()
    return {**result, "seconds": round(time.perf_counter() - start, 3)}
