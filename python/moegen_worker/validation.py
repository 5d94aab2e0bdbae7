"""Runs cases on simulated devices and judges each result."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from . import fingerprint, interpreter, metrics, oracle
from .cases import Case, Shape, generator
from .package import MoePackage


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Everything one case feeds the kernel; arrays of `calls` calls, as numpy."""

    tokens: np.ndarray  # (calls, T, D)
    logits: np.ndarray  # (calls, T, E) float32
    weights: np.ndarray  # (calls, T, k) float64, by the oracle or the package's reference
    ids: np.ndarray  # (calls, T, k)
    w1: np.ndarray  # (E, 2, D, F)
    w2: np.ndarray  # (E, F, D)


@dataclasses.dataclass(frozen=True)
class Program:
    """What a compiled program depends on: cases that agree in it share one compilation."""

    tokens: int
    split_mesh: bool = False
    small_passes: bool = False

    @classmethod
    def of(cls, case: Case, tokens: int) -> Program:
        return cls(tokens, case.split_mesh, case.small_passes)


class Bench:
    """One package on one set of simulated devices: compiled programs and weights are kept."""

    def __init__(
        self,
        package: MoePackage,
        layer: oracle.Layer,
        seed: int,
        planned: Sequence[tuple[Case, int]],
    ) -> None:
        """`planned` is every case with its T: what can be shared is known before the first."""
        import jax

        self.package = package
        self.layer = layer
        self.seed = seed
        # References run at the largest T, so that they are compiled once.
        self._most = max([tokens for _, tokens in planned], default=1)
        # Most calls in a row that a program makes; one that makes several loops over them.
        self._calls: dict[Program, int] = {}
        for case, tokens in planned:
            program = Program.of(case, tokens)
            self._calls[program] = max(self._calls.get(program, 1), case.calls)
        self.given = layer["routing"].get("where") == "given"
        self._devices = jax.devices()[: package.ep]
        # Ahead of the case that needs it: compiling does not hold Python's lock, running does.
        self._compiler = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")
        self._programs: dict[Program, Future[Any]] = {}
        self._weights: dict[tuple[bool, bool], Any] = {}
        self._random: tuple[np.ndarray, np.ndarray] | None = None
        self._marked: tuple[np.ndarray, np.ndarray] | None = None
        # One bias for all calls: it belongs to the model, like the weights.
        bias = generator(seed, "bias").standard_normal(package.experts, np.float32)
        self.bias = bias * np.float32(0.3) if package.biased else None
        self._extra = [] if self.bias is None else [self.bias]
        self._layout = str(layer.get("weights", "fused"))
        self._reference_moe = jax.jit(
            lambda x, w1, w2, *route: package.reference.reference_moe(
                x, *package.weight_arguments(self._layout, w1, w2), *route, *self._extra
            )
        )
        self._reference_routing = jax.jit(
            lambda logits: package.reference.reference_routing(logits, *self._extra)
        )
        interpreter.quicken()

    # ------------------------------------------------------------------------------ programs

    def mesh(self, split: bool) -> Any:
        """ep devices along the last axis, or two by ep/2 along the last two."""
        from jax.sharding import Mesh

        axes, ep = self.package.axes, self.package.ep
        tail = (2, ep // 2) if split else (1, ep) if len(axes) > 1 else (ep,)
        shape = (1,) * (len(axes) - len(tail)) + tail
        return Mesh(np.array(self._devices).reshape(shape), axes)

    def _sharding(self, split: bool, rows: int, axis: int = 0) -> Any:
        """Rows spread over the devices where they divide, else the same everywhere."""
        from jax.sharding import NamedSharding, PartitionSpec

        spread = rows % self.package.ep == 0
        spec = PartitionSpec(*[None] * axis, self.package.axes) if spread else PartitionSpec()
        return NamedSharding(self.mesh(split), spec)

    def _route_arrays(self, inputs: Inputs) -> list[np.ndarray]:
        """What the kernel gets to know of the routing: logits, or weights and ids."""
        if self.given:
            return [inputs.weights.astype(np.float32), inputs.ids.astype(np.int32)]
        return [inputs.logits]

    def _build(self, program: Program) -> Any:
        import jax
        import jax.numpy as jnp

        package, mesh = self.package, self.mesh(program.split_mesh)
        most = self._calls.get(program, 1)
        params = interpreter.params()

        options: dict[str, Any] = {"interpret": params}
        if program.small_passes:
            options["tiles"] = package.small_pass_tiles(program.tokens)

        def call(tokens: Any, w1: Any, w2: Any, *route: Any) -> Any:
            extra = [jnp.asarray(array) for array in self._extra]
            weights = package.weight_arguments(self._layout, w1, w2)
            return package.kernel.fused_ep_moe(mesh, tokens, *weights, *route, *extra, **options)

        def calls(times: Any, tokens: Any, w1: Any, w2: Any, *route: Any) -> Any:
            if most == 1:
                return call(tokens[0], w1, w2, *(r[0] for r in route))[None]

            # A loop: traced and compiled once, whether it makes one call or several.
            def step(index: Any, results: Any) -> Any:
                x, *rows = (
                    jax.lax.dynamic_index_in_dim(array, index, keepdims=False)
                    for array in (tokens, *route)
                )
                return results.at[index].set(call(x, w1, w2, *rows))

            return jax.lax.fori_loop(0, times, step, jnp.zeros_like(tokens))

        count, rows = most, program.tokens
        by_row = self._sharding(program.split_mesh, rows, axis=1)
        by_expert = self._sharding(program.split_mesh, package.experts)

        def struct(shape: tuple[int, ...], dtype: Any, sharding: Any) -> Any:
            return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)

        e, d, f, k = package.experts, package.hidden, package.intermediate, package.top_k
        route = (
            [struct((count, rows, k), t, by_row) for t in (jnp.float32, jnp.int32)]
            if self.given
            else [struct((count, rows, e), jnp.float32, by_row)]
        )
        arguments = [
            jax.ShapeDtypeStruct((), jnp.int32),
            struct((count, rows, d), package.dtype, by_row),
            struct((e, 2, d, f), package.dtype, by_expert),
            struct((e, f, d), package.dtype, by_expert),
            *route,
        ]
        return jax.jit(calls).lower(*arguments).compile()

    def program(self, program: Program) -> Future[Any]:
        """The compiled program, started on first mention."""
        if program not in self._programs:
            self._programs[program] = self._compiler.submit(self._build, program)
        return self._programs[program]

    # -------------------------------------------------------------------------------- inputs

    def _host_weights(self, marked: bool) -> tuple[np.ndarray, np.ndarray]:
        """(w1, w2): random with variance 1/fan-in, or fingerprints; the same for every case."""
        package = self.package
        e, d, f = package.experts, package.hidden, package.intermediate
        if marked:
            if self._marked is None:
                self._marked = fingerprint.weights(e, d, f, package.dtype)
            return self._marked
        if self._random is None:
            rng = generator(self.seed, "weights")
            w1 = rng.standard_normal((e, 2, d, f), np.float32) * np.float32(d**-0.5)
            w2 = rng.standard_normal((e, f, d), np.float32) * np.float32(f**-0.5)
            self._random = w1.astype(package.dtype), w2.astype(package.dtype)
        return self._random

    def _device_weights(self, marked: bool, split: bool) -> Any:
        import jax

        key = (marked, split)
        if key not in self._weights:
            sharding = self._sharding(split, self.package.experts)
            self._weights[key] = [jax.device_put(w, sharding) for w in self._host_weights(marked)]
        return self._weights[key]

    def shape(self, tokens: int) -> Shape:
        return Shape(tokens, self.package.experts, self.package.top_k, self.package.ep)

    def inputs(self, case: Case, tokens: int) -> Inputs:
        """The case's arrays: a function of case, seed and sizes alone."""
        package, shape = self.package, self.shape(tokens)
        rows, logits, weights, ids = [], [], [], []
        for call in range(case.calls):
            rng = generator(self.seed, case.name, call)
            gating = case.gating(rng, shape)
            if case.fingerprint:
                rows.append(fingerprint.tokens(tokens, package.hidden, package.dtype))
            else:
                x = rng.standard_normal((tokens, package.hidden), np.float32)
                rows.append(x.astype(package.dtype))
            logits.append(gating)
            weight, chosen = self._routing(gating)
            weights.append(weight)
            ids.append(chosen)
        w1, w2 = self._host_weights(case.fingerprint)
        return Inputs(np.stack(rows), np.stack(logits), np.stack(weights), np.stack(ids), w1, w2)

    def _routing(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.given:
            given = {**self.layer, "routing": {"scoring": "softmax", "renormalize": True}}
            return oracle.route(given, logits)
        count = logits.shape[0]
        weights, ids = self._reference_routing(self._padded(logits))
        return np.asarray(weights, np.float64)[:count], np.asarray(ids)[:count]

    def _padded(self, rows: np.ndarray) -> np.ndarray:
        """Rows with zeros below, up to the one size that references are compiled for."""
        missing = max(self._most - rows.shape[0], 0)
        return np.pad(rows, [(0, missing), *[(0, 0)] * (rows.ndim - 1)])

    def _reference(self, tokens: np.ndarray, w1: Any, w2: Any, route: list[np.ndarray]) -> Any:
        """The package's float32 reference: tokens (T, D) to (T, D) float64."""
        padded = [self._padded(array) for array in route]
        result = self._reference_moe(self._padded(tokens), w1, w2, *padded)
        return np.asarray(result, np.float64)[: tokens.shape[0]]

    # ------------------------------------------------------------------------------- judging

    def run(self, case: Case, tokens: int) -> dict[str, Any]:
        """One case: `{ok, error, failure?}`."""
        import jax

        inputs = self.inputs(case, tokens)
        try:
            wanted = Program.of(case, tokens)
            program = self.program(wanted).result()
        except Exception as error:  # noqa: BLE001 - a kernel that does not trace is a finding
            message = f"{type(error).__name__}: {str(error).strip()}"
            return _failed("the kernel does not build", error=message[:3000])
        by_row = self._sharding(case.split_mesh, tokens, axis=1)
        # A program of several calls takes inputs for all of them, whatever the case makes.
        missing = self._calls.get(wanted, 1) - case.calls
        arrays = [
            np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
            for array in (inputs.tokens, *self._route_arrays(inputs))
        ]
        x, *route = [jax.device_put(array, by_row) for array in arrays]
        w1, w2 = self._device_weights(case.fingerprint, case.split_mesh)
        times = np.int32(case.calls)
        outcome = interpreter.run(lambda: program(times, x, w1, w2, *route))
        if outcome.value is None:
            what = "out-of-bounds access" if outcome.out_of_bounds else "the kernel raised"
            return _failed(what, **_reports(outcome))
        result = np.asarray(outcome.value)[: case.calls]
        judged = self._judge_ids if case.fingerprint else self._judge_sums
        verdict = judged(inputs, result)
        if outcome.clean:
            return verdict
        what = "data race" if outcome.races else "semaphore not zero at the end of the kernel"
        before = verdict.get("failure", {})
        message = f"{what}; {before['message']}" if before else what
        failure = {**before, "message": message, **_reports(outcome)}
        return {**verdict, "ok": False, "failure": failure}

    def _judge_sums(self, inputs: Inputs, result: np.ndarray) -> dict[str, Any]:
        bound = metrics.BOUNDS[str(self.package.dtype)]
        errors = []
        failure: dict[str, Any] | None = None
        for call in range(result.shape[0]):
            route = [array[call] for array in self._route_arrays(inputs)]
            reference = self._reference(inputs.tokens[call], inputs.w1, inputs.w2, route)
            error = metrics.relative_error(result[call], reference)
            errors.append(error)
            if error <= bound or failure is not None:
                continue
            worst = metrics.worst(
                self.layer,
                inputs.tokens[call],
                inputs.w1,
                inputs.w2,
                inputs.weights[call],
                inputs.ids[call],
                result[call],
                reference,
            )
            where = f" in call {call + 1} of {result.shape[0]}" if result.shape[0] > 1 else ""
            if worst["nanTokens"]:
                what = f"not a number in {worst['nanTokens']} of {result.shape[1]} tokens"
                message = f"{what}{where}: unwritten memory was read"
            else:
                message = f"relative error {error:.2e} is over {bound:.0e}{where}"
            failure = {"message": message, "worst": worst}
        verdict: dict[str, Any] = {"ok": failure is None, "error": max(errors)}
        return verdict if failure is None else {**verdict, "failure": failure}

    def _judge_ids(self, inputs: Inputs, result: np.ndarray) -> dict[str, Any]:
        """Ids must be identical; weights may differ by the dtype's rounding."""
        bound = metrics.BOUNDS[str(self.package.dtype)]
        worst = 0.0
        for call in range(result.shape[0]):
            weights, ids = inputs.weights[call], inputs.ids[call]
            shown = fingerprint.read(self.layer, result[call], self.package.experts, inputs.w2)
            wrong = fingerprint.compare(shown, weights, ids, tolerance=2 * bound)
            wanted = np.zeros_like(shown)
            np.add.at(wanted, (np.arange(len(ids))[:, None], ids), weights)
            worst = max(worst, metrics.relative_error(shown, wanted))
            if wrong is not None:
                message = {
                    "ids": "chosen experts differ from the reference's",
                    "weight": "a routing weight differs from the reference's",
                }.get(wrong["problem"], "not a number in the result")
                failure = {"message": message, "routing": wrong}
                return {"ok": False, "error": worst, "failure": failure}
        return {"ok": True, "error": worst}

    def check_reference(self) -> dict[str, Any]:
        """The package's reference against the oracle, on a few tokens with a tie among them."""
        tokens = 4
        rng = generator(self.seed, "reference")
        shape = self.shape(tokens)
        logits = rng.standard_normal((tokens, shape.experts)).astype(np.float32)
        logits[0] = np.round(logits[0])
        x = rng.standard_normal((tokens, self.package.hidden), np.float32)
        x = x.astype(self.package.dtype)
        w1, w2 = self._host_weights(marked=False)
        if self.given:
            weights, ids = self._routing(logits)
            route = [weights.astype(np.float32), ids.astype(np.int32)]
        else:
            weights, ids = oracle.route(self.layer, logits, self.bias)
            shown_weights, shown_ids = self._routing(logits)
            if not np.array_equal(shown_ids, ids):
                token = int(np.flatnonzero((shown_ids != ids).any(axis=-1))[0])
                routing = {
                    "token": token,
                    "problem": "ids",
                    "got": [int(e) for e in shown_ids[token]],
                    "want": [int(e) for e in ids[token]],
                }
                return _failed("the generated reference chooses other experts", routing=routing)
            if metrics.relative_error(shown_weights, weights) > 1e-5:
                return _failed("the generated reference has other routing weights")
            route = [logits]
        result = self._reference(x, w1, w2, route)
        wanted = oracle.moe(self.layer, x, w1, w2, weights, ids)
        error = metrics.relative_error(result, wanted)
        if error > metrics.BOUNDS["float32"]:
            message = f"the generated reference is off by {error:.2e}"
            failure = metrics.worst(self.layer, x, w1, w2, weights, ids, result, wanted)
            return {"ok": False, "error": error, "failure": {"message": message, "worst": failure}}
        return {"ok": True, "error": error}

    def close(self) -> None:
        self._compiler.shutdown(wait=False, cancel_futures=True)


def _failed(message: str, **detail: Any) -> dict[str, Any]:
    return {"ok": False, "error": None, "failure": {"message": message, **detail}}


def _reports(outcome: interpreter.Outcome) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "races": list(outcome.races),
        "semaphores": list(outcome.semaphores),
        "outOfBounds": outcome.out_of_bounds,
        "error": outcome.error,
    }
    return {name: value for name, value in fields.items() if value}


def timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    start = time.perf_counter()
    result = work()
    return {**result, "seconds": round(time.perf_counter() - start, 3)}
