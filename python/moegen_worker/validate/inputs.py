"""What a case feeds the kernel: a function of the case, the seed and the sizes alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..package import model
from ..package.loading import MoePackage
from . import epsilons, fingerprint, hostile, oracle
from .cases import Case, Shape, generator

# Routing logits (T, E) to weights (T, k) float64 and ids (T, k).
Route = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Arrays of `calls` calls."""

    tokens: np.ndarray  # (calls, T, D)
    logits: np.ndarray  # (calls, T, E) float32
    weights: np.ndarray  # (calls, T, k) float64
    ids: np.ndarray  # (calls, T, k): physical experts; one out of range counts nothing
    model: model.Weights

    def of_call(self, name: str) -> np.ndarray:
        """An argument that belongs to a call, by name: (calls, T, ...)."""
        return {
            "tokens": self.tokens,
            "gating_output": self.logits,
            "topk_weights": self.weights.astype(np.float32),
            "topk_ids": self.ids.astype(np.int32),
        }[name]


class Copies:
    """Redundant experts: which physical experts hold the same logical one."""

    def __init__(self, experts: int, redundant: int, seed: int) -> None:
        rng = generator(seed, "copies")
        logical = experts - redundant
        owners = np.concatenate([np.arange(logical), rng.integers(0, logical, redundant)])
        # (E,): the logical expert that each physical one is; copies lie anywhere.
        self.logical = rng.permutation(owners)
        # (E_logical,): the first physical expert that holds each logical one.
        self.first = np.array([np.flatnonzero(self.logical == e)[0] for e in range(logical)])
        # (E,): the first copy of the same expert.
        self.canonical = self.first[self.logical]

    def logits(self, physical: np.ndarray) -> np.ndarray:
        """(T, E) of physical experts to (T, E_logical): an expert has its best copy's."""
        result = np.full((physical.shape[0], len(self.first)), -np.inf, np.float32)
        np.maximum.at(result, (slice(None), self.logical), physical)
        return result

    def spread(self, ids: np.ndarray) -> np.ndarray:
        """Logical ids (T, k) to physical ones, taking the copies of an expert in turn."""
        result = np.empty_like(ids)
        for expert in range(len(self.first)):
            copies = np.flatnonzero(self.logical == expert)
            here = ids == expert
            result[here] = copies[np.arange(here.sum()) % len(copies)]
        return result


class InputMaker:
    """Makes the inputs of cases for one package; weights are made once."""

    def __init__(self, package: MoePackage, layer: model.Layer, seed: int) -> None:
        self._package, self._layer, self._seed = package, layer, seed
        redundant = int(layer.get("redundantExperts", 0))
        self.copies = Copies(package.experts, redundant, seed) if redundant else None
        self._marked: model.Weights | None = None
        sizes = package.experts, package.hidden, package.intermediate
        rng = generator(seed, "weights")
        made = model.random(layer, sizes, package.dtype, rng)
        # Before quantisation: what its error is measured against.
        self.exact = made if self.copies is None else made.of_experts(self.copies.canonical)
        self._random = self.exact.quantized(layer)
        self._lost: model.Weights | None = None
        # Logits of further hostile tokens, (E,) each.
        self.near_epsilon = epsilons.rows(layer, package.ids, self._random.correction_bias)

    def model(self, marked: bool, lost_scales: bool = False) -> model.Weights:
        """Random weights, or fingerprints; the same for every case, but one of lost scales."""
        if lost_scales:
            if self._lost is None:
                self._lost = hostile.scales(self._random)
            return self._lost
        if not marked:
            return self._random
        if self._marked is None:
            package = self._package
            sizes = package.experts, package.hidden, package.intermediate
            made = fingerprint.weights(*sizes, package.dtype, model.projections(self._layer))
            self._marked = model.silent(self._random, *made)
        return self._marked

    def unmarked(self, weights: model.Weights) -> model.Weights:
        """One of the models, or the random one in the place of fingerprints."""
        return self._random if weights is self._marked else weights

    def shape(self, tokens: int) -> Shape:
        """The sizes of a call of T tokens."""
        return Shape(tokens, self._package.experts, self._package.top_k, self._package.ep)

    def given(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and physical ids as a caller would give them: softmax, renormalised."""
        layer = {**self._layer, "routing": {"scoring": "softmax", "renormalize": True}}
        if self.copies is None:
            return oracle.route(layer, logits)
        weights, ids = oracle.route(layer, self.copies.logits(logits))
        return weights, self.copies.spread(ids)

    def _of_all_ids(self, rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
        """(T, E) with the identity experts' logits behind: some experts', each token the last but
        one's, which has hostile ones if it has."""
        identity = self._package.ids - self._package.experts
        if identity == 0:
            return logits
        others = rng.integers(0, logits.shape[1], identity)
        return np.concatenate([logits, np.roll(logits[:, others], 2, axis=0)], axis=1)

    def make(self, case: Case, tokens: int, route: Route) -> Inputs:
        """Inputs of a case's calls: a function of the case, the seed and T; `route`: who chooses
        experts."""
        package = self._package
        rows, logits, weights, ids = [], [], [], []
        for call in range(case.calls):
            rng = generator(self._seed, case.name, call)
            gating = self._of_all_ids(rng, case.gating(rng, self.shape(tokens)))
            if case.far:
                gating = far(self._layer["routing"], gating)
            if case.hostile:
                gating = hostile.placed(gating, self.near_epsilon)
            if case.fingerprint:
                rows.append(fingerprint.tokens(tokens, package.hidden, package.dtype))
            else:
                x = rng.standard_normal((tokens, package.hidden), np.float32)
                if case.far:
                    x[call::3] *= FAR_ROWS
                rows.append((hostile.rows(x) if case.hostile else x).astype(package.dtype))
            logits.append(gating)
            weight, chosen = route(gating)
            if case.padding:
                chosen = absent(rng, chosen, package.ids)
            if case.hostile and self._layer["routing"].get("where") == "given":
                weight, chosen = hostile.given(weight, chosen, package.ids, crowded=call > 0)
                # Whatever the row of a token that goes to no expert is.
                rows[-1][~((chosen >= 0) & (chosen < package.ids)).any(axis=-1), 0] = np.nan
            weights.append(weight)
            ids.append(chosen)
        arrays = [np.stack(parts) for parts in (rows, logits, weights, ids)]
        return Inputs(*arrays, self.model(case.fingerprint, case.lost_scales))


# Sums of such a row are beyond what activations limit them to, or flat.
FAR_ROWS = np.float32(16.0)
# Beyond what float32 has an exponential of, and where a sigmoid is as small as it can be beside others.
FAR_SOFTMAX, FAR_SIGMOID = 200.0, -60.0


def far(routing: dict[str, Any], logits: np.ndarray) -> np.ndarray:
    """Logits of two tokens in three moved by as much each: a softmax is the same, sigmoids are in
    the same order. Those that are capped, or are scores themselves, stay."""
    scoring = routing.get("scoring", "softmax")
    if routing.get("logitSoftCap") is not None or scoring == "none":
        return logits
    steps = [0.0, FAR_SOFTMAX, -FAR_SOFTMAX] if scoring == "softmax" else [0.0, FAR_SIGMOID, 0.0]
    offsets = np.array(steps, np.float32)[np.arange(len(logits)) % 3]
    return logits + offsets[:, None]


def absent(rng: np.random.Generator, ids: Any, experts: int) -> np.ndarray:
    """Every third token's ids, and a quarter of the others, replaced by ones out of range."""
    ids = np.array(ids)
    gone = rng.random(ids.shape) < 0.25
    gone[::3] = True
    outside = np.array([-1, experts, experts + 1, -experts, np.iinfo(np.int32).max])
    return np.where(gone, outside[rng.integers(0, len(outside), ids.shape)], ids)
