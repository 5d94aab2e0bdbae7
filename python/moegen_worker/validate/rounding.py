"""How large an error a right kernel has: what rounding where it must is expected to cost.

A kernel takes its inputs as they are, adds up products in float32, and rounds to its dtype

1. the activated values h (rows, F) of an expert, which the down projection takes: to bfloat16, or to
   8 bits where the spec quantises them;
2. each other device's partial sum of a token, which is sent, with what it passes on of others': to
   bfloat16; or to int8 with one scale a row where the wire is, step(P) = max |P| / 127. Where the layer
   is `deterministic`, each device's alone, its own as well. Where the schedule says `roundedResults`,
   each expert's result too, before it is weighted, what a device's columns of the shared experts give,
   and each device's sums, its own as well, after each of its rounds. What a collective of XLA rounds on its
   way is not counted: on simulated devices nothing;
3. the result;
4. where small blocks share a scale (`roundedWeights`: in bodies of more rows than that), each weight
   times its scale: to bfloat16.

A value x that is rounded to the nearest of a grid has an error that is as good as uniform within half
a step either way: its variance is step(x)² / 12, step(x) = 2^(exponent(x) - 7) in bfloat16, where a
truncated x has four times that. Errors of different values are independent, so variances add up. With
w the routing weight, the variance of result column d of one token is

    sum over its experts: w² · sum over f: (step(h_f)² / 12) · |W2[f]|² / D   (1)
    + sum over other devices: step(P_d)² / 12                                 (2)
    + step(y_d)² / 12                                                         (3)

where (3) is less if one device sends nearly all there is: that is rounded already. (4) is no chance: weights
of 8 bits have eight mantissas and a block one scale, so all of a mantissa are off by the same share, gate, up and down
alike. What it costs is the result of rounded weights less that of plain ones, squared; a body of fewer rows, which
has none of it, is within that. Only where rows are quantised after the activation it counts as chance, by its derivatives. Where the
reference quantises the same values itself, only those differ that another error δ moves to the next
step: with probability |δ| / step, so with variance step · E|δ|, E|δ| = sqrt(2 / π) σ.

Float32 counts as well, for what has no other error: a sum of n products has an error of variance
0.09 n u² · (sum of their squares), u = 2^-24: after j of n additions its size is sqrt(j / n) of the
last, and each addition has a variance of 0.18 u² of its square. The reference has as much.

S = the sum of these variances over a row, or over all rows of a call, is what the error's squared norm
is expected to be, and its own standard deviation s follows from the same variances (of Gaussian
errors, 2 · sum of squares, which is above that of uniform ones). A row fails where its squared error
is above S + ROW_DEVIATIONS · s, all rows together where theirs is above S + DEVIATIONS · s, with MARGIN
on the norm for what the model leaves out.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..package import model, quantization
from ..package.loading import SMALL_ROUND, MoePackage
from . import oracle
from .grid import UNIT, nearest, product, quantized, requantized
from .inputs import Inputs
from .ways import alike, longest, passed_on, straight, ways_of

Array = np.ndarray
Layer = dict[str, Any]

# Standard deviations of the squared norm that are chance: of a hundred thousand rows, none is beyond,
# nor of a thousand cases.
ROW_DEVIATIONS = 8.0
DEVIATIONS = 5.0
MARGIN = 1.03
# For the second order of some roundings, and of float32.
SLACK = 1.05
SHOWN_FLOAT32 = 2e-5
# Of a row, what else may be in it for its values to be rounded as the token's multiple: two steps.
ALIKE = 2.0**-7


@dataclasses.dataclass(frozen=True)
class Expected:
    """What the squared errors of a call's T rows should be, (T,): means, standard deviations, and how
    much more a mean is on the worst way home."""

    mean: Array
    deviation: Array
    more: Array | float = 0.0

    @property
    def row_limits(self) -> Array:
        """(T,) largest norm of each row's error."""
        return MARGIN * np.sqrt(self.mean + self.more + ROW_DEVIATIONS * self.deviation)

    @property
    def size(self) -> float:
        """Norm that the error of all rows should have."""
        return float(np.sqrt(self.mean.sum()))

    @property
    def limit(self) -> float:
        """Largest norm of all rows' error."""
        deviation = np.sqrt((self.deviation**2).sum())
        return float(MARGIN * np.sqrt(self.mean.sum() + DEVIATIONS * deviation))


@dataclasses.dataclass(frozen=True)
class Owners:
    """Which device computes what: routed experts, and columns of the shared ones."""

    devices: int
    experts: int
    # Neighbouring devices that share an expert's columns.
    shared_by: int = 1
    # Of the shared experts' columns: neighbouring devices have the same part.
    parts: int = 1
    # Whom each device sends sums to, by T: (parts of a block, block, device). Absent: straight.
    ways: Callable[[int], Array] | None = None
    # Entries of a device after which its sums are rounded, by T and whether rounds are small. Absent:
    # however many it has.
    round_entries: Callable[[int, bool], int] | None = None

    @classmethod
    def of(cls, package: MoePackage) -> Owners:
        """As the package states it."""
        shapes = package.shapes
        columns = getattr(shapes, "SHARED_COLUMNS", 1)
        parts = getattr(shapes, "SHARED_INTERMEDIATE_SIZE", columns) // columns
        ways = functools.partial(ways_of, package)
        own = package.devices, package.experts, package.tp, parts
        return cls(*own, ways, rounds_of(package))

    def ways_home(self, count: int) -> Array:
        """(parts, block, device): whom a device sends its sums to, in a call of T tokens."""
        return straight(self.devices) if self.ways is None else self.ways(count)

    def of_tokens(self, count: int) -> Array:
        """(T,) device of each of T tokens."""
        return np.arange(count) // -(-count // self.devices)

    def of_experts(self, ids: Array) -> Array:
        """Device of each expert, the first one of those that share it."""
        return ids // -(-self.experts // (self.devices // self.shared_by)) * self.shared_by

    def of_columns(self, part: int, tokens: Array) -> Array:
        """(T,) device that adds the `part`-th of the shared experts' parts to tokens of devices."""
        replicas = self.devices // self.parts
        return part * replicas + tokens % replicas


def rounds_of(package: MoePackage) -> Callable[[int, bool], int] | None:
    """Entries of one round, of a package that goes through its experts in rounds: by T, and whether
    rounds are small."""
    if not package.has_rounds:
        return None
    shape = package.shapes.Shape
    # As they are, while another thread traces with small ones.
    usual = shape.round_entries.fget

    def entries(count: int, small: bool) -> int:
        made = int(usual(shape(device_share=-(-count // package.devices), tiles=None)))
        return min(made, SMALL_ROUND) if small else made

    return entries


class Rounds:
    """Where the entries of each device, taken by expert, end one round and begin another."""

    def __init__(self, entries: Array, most: int | None) -> None:
        """`entries`: of each device; `most`: of one round."""
        self._entries, self._most = entries, most
        self._done = np.zeros(len(entries), int)

    def pieces(self, device: int, count: int) -> list[tuple[slice, bool]]:
        """The next `count` entries of a device in pieces of one round each, and whether a round ends
        after it that is not the device's last."""
        first = int(self._done[device])
        self._done[device] += count
        if self._most is None:
            return [(slice(0, count), False)]
        last = int(self._entries[device]) - 1
        ends = range((first // self._most + 1) * self._most, first + count + 1, self._most)
        cuts = [end - first for end in ends if end <= last]
        starts = [0, *cuts]
        return [
            (slice(start, end), index < len(cuts))
            for index, (start, end) in enumerate(zip(starts, [*cuts, count], strict=True))
        ]


class Model:
    """The expected errors of one layer at one dtype."""

    def __init__(self, layer: Layer, dtype: Any, weights: model.Weights, owners: Owners) -> None:
        self._layer, self._weights, self._owners = layer, weights, owners
        self._dtype = np.dtype(dtype)
        self._narrow = self._dtype != np.float32
        cap = float(layer["routing"].get("logitSoftCap") or 0.0)
        self._weighs_rows = layer.get("scoreOn") == "input"
        self._rounds_results = self._narrow and bool(layer.get("roundedResults"))
        # Of a routing weight, relative: some roundings of logits of this size. One that multiplies
        # rows is a factor of gate, of up and of what the activation is steeper than it.
        self._share = (2.0 * UNIT * (4.0 + cap)) ** 2 * (9.0 if self._weighs_rows else 1.0)

    def call(
        self,
        inputs: Inputs,
        call: int,
        device_of: Array | None = None,
        small_rounds: bool = False,
    ) -> Expected:
        """Of one call; `device_of` (T,): each token's device, absent as T tokens are dealt out."""
        tokens, shares, ids = inputs.tokens[call], inputs.weights[call], inputs.ids[call]
        count, hidden = tokens.shape
        rows = self._rows(tokens)
        home = self._owners.of_tokens(count) if device_of is None else device_of
        # By device: partial sums and the variance of what they are made of.
        sums = np.zeros((self._owners.devices, count, hidden))
        noise = np.zeros_like(sums)
        # What rounded weights are off by.
        shift = np.zeros((count, hidden))
        # Of the squared norm's variance, what comes of few activated values.
        sources = np.zeros(count)
        routed = ids[(ids >= 0) & (ids < self._owners.experts)]
        entries_of = self._owners.round_entries
        most = None if entries_of is None else entries_of(count, small_rounds)
        # Sums begin at what the shared experts give: a round's rounding is of both.
        self._add_shared(rows, home, sums, noise, sources, shift)
        # Tokens that a device's round adds to: the sums of others are rounded already.
        touched = np.zeros((self._owners.devices, count), bool)
        rounds = Rounds(np.bincount(self._owners.of_experts(routed)), most)
        for expert in np.unique(routed):
            here = ids == expert
            chosen = np.flatnonzero(here.any(axis=-1))
            share = np.where(here, shares, 0.0)[chosen].sum(axis=-1, keepdims=True)
            taken = rows[chosen]
            if self._weighs_rows:
                share, taken = np.ones_like(share), share * taken
            first = int(self._owners.of_experts(expert))
            pieces = rounds.pieces(first, len(chosen))
            for part in range(self._owners.shared_by):
                result, variance, few, off = self._expert(taken, int(expert), part)
                if self._rounds_results:
                    variance = variance + nearest(result, self._dtype)
                owner = first + part
                added = share * result
                for of_round, ended in pieces:
                    sums[owner, chosen[of_round]] += added[of_round]
                    touched[owner, chosen[of_round]] = True
                    if ended:
                        tokens_of = touched[owner]
                        noise[owner, tokens_of] += nearest(sums[owner, tokens_of], self._dtype)
                        tokens_of[:] = False
                shift[chosen] += share * off
                noise[owner, chosen] += share**2 * (variance + self._share * result**2)
                sources[chosen] += share[:, 0] ** 4 * few
        given = self._given(tokens, shares, ids)
        if not self._rounds_results:
            sums[home, np.arange(count)] += given
        variance, more, largest = self._sent(sums, noise, home)
        variance += self._share * given**2
        total = sums.sum(axis=0)
        if self._rounds_results and given.any():
            # Added to sums that are rounded already.
            variance += nearest(total, self._dtype, largest)
            total, largest = total + given, np.zeros_like(largest)
        variance += self._owners.devices * (UNIT * total) ** 2
        rounded = nearest(total, self._dtype, largest)
        variance += rounded
        if self._narrow:
            sources += alike_errors(tokens, given, total, rounded)
        shift = np.square(np.where(np.isfinite(shift), shift, 0.0))
        mean = (variance + shift).sum(axis=-1)
        spread = (variance**2 + 2.0 * shift * variance).sum(axis=-1)
        return Expected(mean, np.sqrt(2.0 * (spread + sources)), more)

    def _given(self, tokens: Array, shares: Array, ids: Array) -> Array:
        """What identity experts give (T, D), which a token's own device adds."""
        first = self._owners.experts
        chosen = (ids >= first) & (ids < first + model.identity_experts(self._layer))
        share = np.where(chosen, shares, 0.0).sum(axis=-1, keepdims=True)
        # An infinite row that none of them has.
        with np.errstate(invalid="ignore"):
            given: Array = np.where(share == 0.0, 0.0, share * np.asarray(tokens, np.float64))
        return given

    def roundings(self, count: int) -> int:
        """How often sums are rounded on their way at most, in a call of T tokens."""
        return 1 if self._layer.get("deterministic") else longest(self._owners.ways_home(count))

    def shown(self, count: int) -> Array:
        """(T, E), or (T, E + 1) with identity experts: how much, relative, a routing weight may be off
        that a fingerprint shows: at most half a step, which is u = 2^-8 of the smallest, for each
        rounding on its way."""
        identity = model.identity_experts(self._layer) > 0
        experts = np.arange(self._owners.experts)
        if not self._narrow:
            return np.full((count, len(experts) + identity), SHOWN_FLOAT32)
        away = self._owners.of_experts(experts) != self._owners.of_tokens(count)[:, None]
        if self._layer.get("deterministic"):
            away = np.ones_like(away)
        if self._rounds_results:
            # Results, and all devices' sums.
            away = np.full(away.shape, 2.0)
        # The activated value, what is sent, the result; of weights gate, up and down twice each,
        # and gate counts a third more in what is activated.
        weights = 0.0 if self._rounded_above("routed") is None else 7.0
        roundings = 2.0 + away + weights
        if identity:
            # An identity expert's are rounded as the result.
            roundings = np.append(roundings, np.ones((count, 1)), axis=1)
        return roundings * 2.0**-8 * SLACK

    def _rounded_above(self, kind: str) -> int | None:
        """Bodies of more rows round "routed" or "shared" weights times their scales; None: none."""
        above: int | None = (self._layer.get("roundedWeights") or {}).get(kind)
        return above

    def _rows(self, tokens: Array) -> Array:
        kind = quantization.token_rows(self._layer)
        return np.stack([quantization.round_row(row, kind) for row in tokens])

    def _expert(self, rows: Array, expert: int, part: int = 0) -> tuple[Array, Array, Array, Array]:
        """What the `part`-th of the devices that share an expert gives; the first adds down's bias."""
        w = self._weights
        width = w.w1.shape[-1] // self._owners.shared_by
        columns = slice(part * width, (part + 1) * width)
        plain = np.zeros((2, width))
        b1 = plain if w.b1 is None else np.asarray(w.b1[expert], np.float64)[:, columns]
        b2 = 0.0 if w.b2 is None or part > 0 else np.asarray(w.b2[expert], np.float64)
        count = len(rows)
        parts = [
            self._part("w1", (expert, i), count, bias=b1[i], cut=(..., columns))
            for i in range(w.w1.shape[1])
        ]
        # Without a gate up stands for one, and the activation does not ask.
        gate, up = parts[0], parts[-1]
        down = self._part("w2", (expert,), count, bias=b2, cut=columns)
        kind = quantization.activations(self._layer)
        return self._feed_forward(self._layer["activation"], rows, gate, up, down, kind)

    def _part(
        self, name: str, index: tuple[int, ...], count: int, bias: Any = 0.0, cut: Any = ...
    ) -> Part:
        """Of weights by name, for at most `count` rows; `cut`: some of their columns or rows."""
        plain = self._weights.plain(name, index)
        kind = "shared" if name.startswith("shared_") else "routed"
        rounded = None
        above = self._rounded_above(kind)
        if above is not None and count > above:
            rounded = self._weights.plain(name, index, self._dtype)[cut].astype(np.float32)
        return Part(plain[cut].astype(np.float32), bias, rounded)

    def _feed_forward(
        self,
        activation: Any,
        rows: Array,
        gate: Part,
        up: Part,
        down: Part,
        kind: str | None = None,
        scale: Any = 1.0,
    ) -> tuple[Array, Array, Array, Array]:
        """Result (n, D), its variance, the sum of squares of the sources of it (n,), and what rounded
        weights are off by (n, D)."""

        def activate(gates: Array, ups: Array) -> Array:
            with np.errstate(over="ignore"):
                return oracle.activate(activation, gates, ups) * scale

        gates, ups = gate.of(rows), up.of(rows)
        hidden = activate(gates, ups)
        variance = (4.0 * UNIT * hidden) ** 2
        # What rounding moves to another step of the rows is chance again.
        known = kind is None
        # Beside rounding to bfloat16, the errors of float32 sums are nothing.
        if kind is not None or not self._narrow:
            # Derivatives, over a step that float64 bears.
            step = 1e-4
            by_gate = (activate(gates + step, ups) - hidden) / step
            by_up = (activate(gates, ups + step) - hidden) / step
            gates_off, ups_off = (part.variance(rows, rounded=not known) for part in (gate, up))
            variance += _through(by_gate, gates_off) + _through(by_up, ups_off)
        fourth = np.zeros_like(hidden)
        if kind is not None:
            variance, fourth = requantized(hidden, variance, kind)
            hidden = np.stack([quantization.round_row(row, kind) for row in hidden])
        elif self._narrow:
            variance += nearest(hidden, self._dtype)
        # Of each activated value, over all columns of the result: in all of them alike.
        norms = np.square(down.weights).sum(axis=-1, dtype=np.float64)
        few = ((variance**2 + fourth) * norms**2).sum(axis=-1)
        each = (variance @ norms)[:, None] / down.weights.shape[-1]
        result = down.of(hidden)
        variance = each + down.variance(hidden, rounded=not known)
        if not known or down.rounded is None:
            return result, variance, few, np.zeros_like(result)
        moved = activate(gate.of(rows, rounded=True), up.of(rows, rounded=True))
        return result, variance, few, down.of(moved, rounded=True) - result

    def _add_shared(
        self,
        rows: Array,
        home: Array,
        sums: Array,
        noise: Array,
        sources: Array,
        shift: Array,
    ) -> None:
        """The shared experts, whose columns are spread over devices, as one on each of them."""
        w, owners = self._weights, self._owners
        if w.shared_w2 is None:
            return
        scale: Any = 1.0
        if w.shared_gate is not None:
            scale = 1.0 / (1.0 + np.exp(-rows @ np.asarray(w.shared_gate, np.float64)))[:, None]
        activation = oracle.shared_activation(self._layer)
        width = len(w.shared_w2) // owners.parts
        tokens = np.arange(len(rows))
        for part in range(owners.parts):
            columns = slice(part * width, (part + 1) * width)
            count = len(rows)
            gate, up = (
                self._part(f"shared_{w}", (), count, cut=(..., columns)) for w in ("w1", "w3")
            )
            down = self._part("shared_w2", (), count, cut=columns)
            result, variance, few, off = self._feed_forward(
                activation, rows, gate, up, down, scale=scale
            )
            if self._rounds_results:
                variance = variance + nearest(result, self._dtype)
            owner = owners.of_columns(part, home)
            sums[owner, tokens] += result
            noise[owner, tokens] += variance
            sources += few
            shift += off

    def _sent(self, sums: Array, noise: Array, home: Array) -> tuple[Array, Array, Array]:
        """(T, D) variance of the sum of partial sums (devices, T, D), those of others as sent; how much
        more that is of a row on the worst way home (T,); and the largest value that was rounded to the
        dtype so (T, D), nought where none was."""
        variance = noise.sum(axis=0)
        more, nought = np.zeros(len(variance)), np.zeros_like(variance)
        leaves = self._owners.devices > 1 or self._rounds_results
        if not self._narrow or not leaves:
            return variance, more, nought
        kind = quantization.partial_sums(self._layer)

        def rounded(rows: Array) -> Array:
            return nearest(rows, self._dtype) if kind is None else quantized(rows, kind)

        if self._layer.get("deterministic") or self._rounds_results:
            added, largest = alike(sums, rounded)
        else:
            ways = self._owners.ways_home(sums.shape[1])
            added, more, largest = passed_on(sums, ways, home, rounded)
        # What was quantised is on no grid of the dtype.
        return variance + added, more, largest if kind is None else nought


def alike_errors(tokens: Array, given: Array, total: Array, variance: Array) -> Array:
    """(T,) what the variance of a row's squared error has beyond that of independent errors.

    A row that is a multiple of its token's, but for less than a step, has the same error where that
    has the same mantissa, of which there are 128: all that share one are one source. `given` (T, D):
    that multiple; `variance`: of the rounding of `total`.
    """
    more = np.zeros(len(tokens))
    finite = np.isfinite(total).all(axis=-1) & np.isfinite(variance).all(axis=-1)
    for token in np.flatnonzero(finite & given.any(axis=-1)):
        others = np.linalg.norm(total[token] - given[token])
        if others > ALIKE * np.linalg.norm(given[token]):
            continue
        mantissas = np.abs(np.frexp(np.asarray(tokens[token], np.float64))[0])
        _, places = np.unique(mantissas, return_inverse=True)
        shared = np.bincount(places, weights=variance[token])
        more[token] = (shared**2).sum() - (variance[token] ** 2).sum()
    return more


def _through(slope: Array, variance: Array) -> Array:
    """Variance of what has this slope in something: none where an activation is at its bound, as
    for an infinite row, however much that varies."""
    return np.square(slope) * np.where(slope == 0.0, 0.0, variance)


@dataclasses.dataclass(frozen=True)
class Part:
    """One projection: weights (K, N), what is added, and the weights as rounded, if they are."""

    weights: Array
    bias: Any
    rounded: Array | None

    def of(self, rows: Array, rounded: bool = False) -> Array:
        """The projection of rows (M, K): (M, N) in float64, as float32 adds it up."""
        weights = self.rounded if rounded and self.rounded is not None else self.weights
        # Whatever float32 is off by is little beside a step.
        return np.asarray(rows.astype(np.float32) @ weights, np.float64) + self.bias

    def variance(self, rows: Array, rounded: bool) -> Array:
        """Of the sums of products, and of what `rounded` weights are off by."""
        result = product(rows, self.weights)
        if not rounded or self.rounded is None:
            return result
        return result + np.square(rows) @ np.square(self.rounded - self.weights)
