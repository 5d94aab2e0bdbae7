"""Runs cases on simulated devices, and the package's reference against the oracle."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import (
    arguments,
    helpers,
    interpreter,
    judging,
    metrics,
    model,
    oracle,
    quantization,
)
from .cases import Case, generator
from .errors import OpError
from .inputs import InputMaker, Inputs
from .judging import Verdict
from .machine.machine import Machine
from .machine.order import Order, of_seed
from .package import MoePackage
from .programs import Program, Programs, Target

# An activated value half way between two values of 8 bits may become either.
ROUNDED_BOUND = 2e-3


class Bench:
    """One package on one set of simulated devices: compiled programs and weights are kept."""

    def __init__(self, target: Target, seed: int, planned: Sequence[tuple[Case, int]]) -> None:
        """`planned` is every case with its T: what can be shared is known before the first."""
        import jax

        self._target, self._seed = target, seed
        self._package, self._layer = target.package, target.layer
        self._bound = metrics.BOUNDS[str(self._package.dtype)]
        self._layout = str(target.layer.get("weights", "fused"))
        self._given = target.layer["routing"].get("where") == "given"
        # References run at the largest T, so that they are compiled once.
        self._most = max([tokens for _, tokens in planned], default=1)
        self._planned = planned
        self._programs = Programs(target, planned)
        self._maker = InputMaker(self._package, self._layer, seed)
        self._arrays: dict[bool, dict[str, np.ndarray]] = {}
        self._placed: dict[tuple[bool, bool], dict[str, Any]] = {}
        reference = self._package.reference
        if reference is None:
            raise OpError("NO_REFERENCE", f"{self._package.name} has no reference to compare with")
        self._reference_moe = jax.jit(reference.reference_moe)
        self._reference_routing = None if self._given else jax.jit(reference.reference_routing)
        interpreter.quicken()

    def on(self, package: MoePackage) -> Bench:
        """The same inputs and references for another kernel of the same sizes."""
        other = copy.copy(self)
        other._programs = Programs(
            dataclasses.replace(self._target, package=package), self._planned
        )
        return other

    def start(self, case: Case, tokens: int) -> None:
        """Begins to compile what the case needs."""
        self._programs.get(Program.of(case, tokens))

    def runs(self, case: Case, tokens: int, seeds: Sequence[int]) -> Verdict:
        """One case in the orders of some seeds, until one is wrong; none: as threads come."""
        verdict = self.run(case, tokens) if not seeds else {}
        for seed in seeds:
            order = of_seed(seed, self._package.ep)
            verdict = self.run(case, tokens, order)
            if not verdict["ok"]:
                shown = {"seed": seed, "text": str(order)}
                return {**verdict, "failure": {**verdict.get("failure", {}), "order": shown}}
        return verdict

    def run(self, case: Case, tokens: int, order: Order | None = None) -> Verdict:
        """One case: `{ok, error, failure?}`; in turns, where there is an `order`."""
        inputs = self._maker.make(case, tokens, self._route)
        wanted = Program.of(case, tokens)
        try:
            program = self._programs.get(wanted).result()
        except Exception as error:  # noqa: BLE001 - a kernel that does not trace is a finding
            message = f"{type(error).__name__}: {str(error).strip()}"
            return judging.failed("the kernel does not build", error=message[:3000])
        arrays = self._place(inputs, case, wanted)
        times = np.int32(case.calls)
        machine = None
        if order is not None:
            # Where T does not divide, XLA's own copies between two calls hold devices together.
            together = tokens % self._package.ep != 0
            refs = getattr(self._package.shapes, "Refs", None)
            names = () if refs is None else tuple(refs._fields)
            machine = Machine(self._package.ep, case.calls, order, together, names)
        outcome = interpreter.run(lambda: program(times, *arrays), machine)
        if outcome.value is None:
            what = "out-of-bounds access" if outcome.out_of_bounds else "the kernel raised"
            what = outcome.deadlock or what
            return judging.failed(what, **judging.reports(outcome))
        result = np.asarray(outcome.value)[: case.calls]
        if case.fingerprint:
            verdict = judging.ids(self._layer, inputs, result, self._bound, self._package.ep)
        else:
            verdict = self.judge(inputs, result)
        if outcome.clean:
            return verdict
        what = "data race" if outcome.races else "semaphore not zero at the end of the kernel"
        if outcome.unfinished and not outcome.races:
            what = outcome.unfinished[0]
        before = verdict.get("failure", {})
        message = f"{what}; {before['message']}" if before else what
        failure = {**before, "message": message, **judging.reports(outcome)}
        return {**verdict, "ok": False, "failure": failure}

    def inputs(self, case: Case, tokens: int) -> Inputs:
        """What the case feeds the kernel at T = `tokens`."""
        return self._maker.make(case, tokens, self._route)

    def weights(self) -> dict[str, np.ndarray]:
        """The model's arguments by name."""
        return self._owned(False)

    def judge(self, inputs: Inputs, result: np.ndarray) -> Verdict:
        """(calls, T, D) of these inputs against the package's reference."""
        return judging.sums(
            self._layer, inputs, result, lambda call: self._reference(inputs, call), self._bound
        )

    def _owned(self, marked: bool) -> dict[str, np.ndarray]:
        """The model's arguments by name."""
        if marked not in self._arrays:
            self._arrays[marked] = self._maker.model(marked).arrays(self._layout)
        return self._arrays[marked]

    def _place(self, inputs: Inputs, case: Case, program: Program) -> list[Any]:
        """The arguments on the devices; the model's stay there from case to case."""
        import jax

        place = self._target.place(program.split_mesh)
        owned = self._placed.setdefault((case.fingerprint, program.split_mesh), {})
        # A program of several calls takes inputs for all of them, whatever the case makes.
        missing = self._programs.calls(program) - case.calls
        arrays = []
        for argument in arguments.of(self._package, self._layer, program.tokens):
            if argument.owned:
                if argument.name not in owned:
                    array = self._owned(case.fingerprint)[argument.name]
                    owned[argument.name] = jax.device_put(array, place.sharding(argument))
                arrays.append(owned[argument.name])
                continue
            array = inputs.of_call(argument.name)
            array = np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
            arrays.append(jax.device_put(array, place.sharding(argument, leading=1)))
        return arrays

    # ----------------------------------------------------------------------------- references

    def _route(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and ids: what a caller gives, or what the package's reference chooses."""
        if self._reference_routing is None:
            return self._maker.given(logits)
        count = logits.shape[0]
        bias = self._maker.model(marked=False).correction_bias
        extra = [] if bias is None else [bias]
        weights, ids = self._reference_routing(self._padded(logits), *extra)
        return np.asarray(weights, np.float64)[:count], np.asarray(ids)[:count]

    def _padded(self, rows: np.ndarray) -> np.ndarray:
        """Rows with zeros below, up to the one size that references are compiled for."""
        missing = max(self._most - rows.shape[0], 0)
        return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)])

    def _reference(self, inputs: Inputs, call: int) -> np.ndarray:
        """The package's float32 reference of one call, (T, D) float64. Of redundant experts it is
        told the first copy, so that the kernel's other copies must mean the same."""
        count = inputs.tokens.shape[1]
        owned = self._owned(marked=False)
        # Where sums are rounded device by device, each copy stands for itself.
        whole = quantization.partial_sums(self._layer) is None
        copies = self._maker.copies if whole else None
        arrays = []
        for argument in arguments.of(self._package, self._layer, count):
            if argument.owned:
                arrays.append(owned[argument.name])
                continue
            array = inputs.of_call(argument.name)[call]
            if argument.name == "topk_ids" and copies is not None:
                known = (array >= 0) & (array < self._package.experts)
                array = np.where(known, copies.canonical[np.where(known, array, 0)], array)
            arrays.append(self._padded(array))
        return np.asarray(self._reference_moe(*arrays), np.float64)[:count]

    def check_reference(self) -> Verdict:
        """The package's reference against the oracle, on a few tokens with a tie among them."""
        tokens = 4
        rng = generator(self._seed, "reference")
        weights = self._maker.model(marked=False)
        logits = rng.standard_normal((tokens, self._package.experts)).astype(np.float32)
        logits[0] = np.round(logits[0])
        x = rng.standard_normal((1, tokens, self._package.hidden), np.float32)
        if self._given:
            shares, ids = self._maker.given(logits)
        else:
            shares, ids = oracle.route(self._layer, logits, weights.correction_bias)
            wrong = self._compare_routing(logits, shares, ids)
            if wrong is not None:
                return wrong
        route = logits[None], shares[None], ids[None]
        inputs = Inputs(x.astype(self._package.dtype), *route, weights)
        result = self._reference(inputs, 0)
        wanted = self._oracle(inputs)
        error = metrics.relative_error(result, wanted)
        kinds = quantization.activations(self._layer), quantization.partial_sums(self._layer)
        rounded = any(kind is not None for kind in kinds)
        if error > (ROUNDED_BOUND if rounded else metrics.BOUNDS["float32"]):
            message = f"the generated reference is off by {error:.2e}"
            rows = inputs.tokens[0], shares, ids
            worst = metrics.worst(self._layer, weights, *rows, result, wanted)
            return {"ok": False, "error": error, "failure": {"message": message, "worst": worst}}
        if weights.format is not None:
            helper = self._package.quantization
            wrong = helpers.compare(helper, self._layer, self._maker.exact, weights)
            if wrong is not None:
                return wrong
        return {"ok": True, "error": error, **self._quantization_errors(inputs, wanted)}

    def _quantization_errors(self, inputs: Inputs, wanted: np.ndarray) -> dict[str, float]:
        """What quantising costs apart from the kernel: all of it, and what rows add to weights."""
        plain = quantization.without_rows(self._layer)
        sums = quantization.partial_sums(self._layer)
        rows = quantization.token_rows(self._layer) or sums
        if inputs.model.format is None and rows is None:
            return {}
        exact = self._oracle(dataclasses.replace(inputs, model=self._maker.exact), plain)
        errors = {"quantizationError": metrics.relative_error(wanted, exact)}
        if rows is not None:
            weights_alone = self._oracle(inputs, plain)
            errors["rowError"] = metrics.relative_error(wanted, weights_alone)
        if sums is not None:
            exact_sums = self._oracle(inputs, quantization.without_sums(self._layer))
            errors["sumError"] = metrics.relative_error(wanted, exact_sums)
        return errors

    def _compare_routing(
        self, logits: np.ndarray, weights: np.ndarray, ids: np.ndarray
    ) -> Verdict | None:
        shown_weights, shown_ids = self._route(logits)
        if not np.array_equal(shown_ids, ids):
            token = int(np.flatnonzero((shown_ids != ids).any(axis=-1))[0])
            routing = {
                "token": token,
                "problem": "ids",
                "got": [int(e) for e in shown_ids[token]],
                "want": [int(e) for e in ids[token]],
            }
            return judging.failed("the generated reference chooses other experts", routing=routing)
        if metrics.relative_error(shown_weights, weights) > 1e-5:
            return judging.failed("the generated reference has other routing weights")
        return None

    def _oracle(self, inputs: Inputs, layer: model.Layer | None = None) -> np.ndarray:
        """(T, D) of the first call, by the logical experts alone where there are copies."""
        weights: model.Weights = inputs.model
        ids, copies = inputs.ids[0], self._maker.copies
        # What is rounded together depends on where the copy of an expert is.
        whole = quantization.partial_sums(self._layer) is None
        if copies is not None and whole:
            weights, ids = weights.of_experts(copies.first), copies.logical[ids]
        layer = self._layer if layer is None else layer
        shares = inputs.weights[0]
        return oracle.moe(layer, inputs.tokens[0], weights, shares, ids, self._package.ep)

    def close(self) -> None:
        self._programs.close()


def timed(work: Callable[[], Verdict]) -> dict[str, Any]:
    start = time.perf_counter()
    result = work()
    return {**result, "seconds": round(time.perf_counter() - start, 3)}
