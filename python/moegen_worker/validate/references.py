"""What a kernel is compared with: the package's reference, and the oracle that judges the reference."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..package import arguments, model, quantization
from ..package.loading import MoePackage
from ..wire.errors import OpError
from . import helpers, hostile, judging, metrics, oracle
from .cases import generator
from .inputs import InputMaker, Inputs
from .judging import Verdict

# An activated value half way between two values of 8 bits may become either.
ROUNDED_BOUND = 2e-3


class References:
    """The references of one package, compiled once, and the model's arguments."""

    def __init__(
        self, package: MoePackage, layer: model.Layer, maker: InputMaker, seed: int, most: int
    ) -> None:
        """`most`: the largest T, which all calls are padded to.

        Raises:
            OpError: "NO_REFERENCE", the package was built without.
        """
        import jax

        self._package, self._layer, self._maker = package, layer, maker
        self._seed, self._most = seed, most
        self._layout = str(layer.get("weights", "fused"))
        # By the model's identity: the maker keeps each.
        self._arrays: dict[int, dict[str, np.ndarray]] = {}
        reference = package.reference
        if reference is None:
            raise OpError("NO_REFERENCE", f"{package.name} has no reference to compare with")
        self._moe = jax.jit(reference.reference_moe)
        given = layer["routing"].get("where") == "given"
        self._routing = None if given else jax.jit(reference.reference_routing)

    def arrays(self, weights: model.Weights) -> dict[str, np.ndarray]:
        """The arguments by name of one of the maker's models."""
        if id(weights) not in self._arrays:
            self._arrays[id(weights)] = self._filled_up(weights.arrays(self._layout))
        return self._arrays[id(weights)]

    def _filled_up(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays with further experts where the package holds more than tokens go to: of ones and not
        of noughts, and of NaN where the type has it, so that what takes them shows."""
        more = self._package.held_experts - self._package.experts
        if more == 0:
            return arrays

        def filled(argument: arguments.Argument) -> np.ndarray:
            array = arrays[argument.name]
            if argument.over != "experts" or argument.shape[0] == array.shape[0]:
                return array
            fill = np.ones((more, *array.shape[1:]), array.dtype)
            if np.isnan(np.asarray(np.nan, np.float32).astype(array.dtype).astype(np.float32)):
                fill[:] = np.nan
            elif array.dtype == np.uint32:
                # Four exponents of NaN.
                fill[:] = np.iinfo(np.uint32).max
            return np.concatenate([array, fill])

        wanted = arguments.of(self._package, self._layer, 1)
        return {**arrays, **{one.name: filled(one) for one in wanted if one.owned}}

    def route(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and ids: what a caller gives, or what the package's reference chooses."""
        if self._routing is None:
            return self._maker.given(logits)
        count = logits.shape[0]
        bias = self._maker.model(marked=False).correction_bias
        extra = [] if bias is None else [bias]
        weights, ids = self._routing(self._padded(logits), *extra)
        return np.asarray(weights, np.float64)[:count], np.asarray(ids)[:count]

    def _padded(self, rows: np.ndarray) -> np.ndarray:
        """Rows with zeros below, up to the one size that references are compiled for."""
        missing = max(self._most - rows.shape[0], 0)
        return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)])

    def sums(self, inputs: Inputs, call: int) -> np.ndarray:
        """The package's float32 reference of one call, (T, D) float64. Of redundant experts it is
        told the first copy, so that the kernel's other copies must mean the same."""
        count = inputs.tokens.shape[1]
        owned = self.arrays(inputs.model)
        copies = self._maker.copies
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
        return np.asarray(self._moe(*arrays), np.float64)[:count]

    def check(self) -> Verdict:
        """The package's reference against the oracle, on a few tokens with a tie among them."""
        tokens = 4
        rng = generator(self._seed, "reference")
        weights = self._maker.model(marked=False)
        logits = rng.standard_normal((tokens, self._package.ids)).astype(np.float32)
        logits[0] = np.round(logits[0])
        x = rng.standard_normal((1, tokens, self._package.hidden), np.float32)
        if self._routing is None:
            shares, ids = hostile.given(*self._maker.given(logits), self._package.ids)
        else:
            shares, ids = oracle.route(self._layer, logits, weights.correction_bias)
            for asked in (logits, self._hostile_logits(rng)):
                wrong = self._compare_routing(asked)
                if wrong is not None:
                    return wrong
        route = logits[None], shares[None], ids[None]
        inputs = Inputs(x.astype(self._package.dtype), *route, weights)
        result = self.sums(inputs, 0)
        wanted = self._oracle(inputs)
        error = metrics.relative_error(result, wanted)
        rounded = quantization.activations(self._layer) is not None
        if error > (ROUNDED_BOUND if rounded else metrics.FLOAT32_BOUND):
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
        rows = quantization.token_rows(self._layer)
        if inputs.model.format is None and rows is None:
            return {}
        exact = self._oracle(dataclasses.replace(inputs, model=self._maker.exact), plain)
        errors = {"quantizationError": metrics.relative_error(wanted, exact)}
        if rows is not None:
            weights_alone = self._oracle(inputs, plain)
            errors["rowError"] = metrics.relative_error(wanted, weights_alone)
        return errors

    def _hostile_logits(self, rng: np.random.Generator) -> np.ndarray:
        """Tokens of each hostile kind, as far as references are compiled for so many."""
        further = self._maker.near_epsilon
        count = min(2 * (len(hostile.LOGITS) + len(further)), self._most)
        logits = rng.standard_normal((count, self._package.ids)).astype(np.float32)
        return hostile.placed(hostile.logits(rng, logits, self._package.top_k), further)

    def _compare_routing(self, logits: np.ndarray) -> Verdict | None:
        bias = self._maker.model(marked=False).correction_bias
        weights, ids = oracle.route(self._layer, logits, bias)
        shown_weights, shown_ids = self.route(logits)
        if not np.array_equal(shown_ids, ids):
            token = int(np.flatnonzero((shown_ids != ids).any(axis=-1))[0])
            routing = {
                "token": token,
                "problem": "ids",
                "got": [int(e) for e in shown_ids[token]],
                "want": [int(e) for e in ids[token]],
            }
            return judging.failed("the generated reference chooses other experts", routing=routing)
        same = (shown_weights == weights) | (np.isnan(shown_weights) & np.isnan(weights))
        pairs = zip(np.where(same, 0.0, shown_weights), np.where(same, 0.0, weights), strict=True)
        if max(metrics.relative_error(shown, wanted) for shown, wanted in pairs) > 1e-5:
            return judging.failed("the generated reference has other routing weights")
        return None

    def _oracle(self, inputs: Inputs, layer: model.Layer | None = None) -> np.ndarray:
        """(T, D) of the first call, by the logical experts alone where there are copies."""
        weights: model.Weights = inputs.model
        ids, copies = inputs.ids[0], self._maker.copies
        if copies is not None:
            weights, ids = weights.of_experts(copies.first), copies.logical[ids]
        layer = self._layer if layer is None else layer
        shares = inputs.weights[0]
        return oracle.moe(layer, inputs.tokens[0], weights, shares, ids)
