"""The named cases of `validate`: what is asked of the kernel, as data. One entry each in CASES."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable

import numpy as np

from . import hostile

Logits = np.ndarray


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a case may depend on; T is all devices' tokens together."""

    tokens: int
    experts: int
    top_k: int
    ep: int

    @property
    def local_experts(self) -> int:
        """Experts of one device; the last ones may have fewer."""
        return -(-self.experts // self.ep)


Gating = Callable[[np.random.Generator, Shape], Logits]


@dataclasses.dataclass(frozen=True)
class Case:
    """One named case."""

    name: str
    title: str
    # (T, E) router logits.
    gating: Gating
    # T, from the usual T and ep.
    tokens: Callable[[int, int], int] = lambda usual, ep: usual
    # Calls in one program, each on other inputs.
    calls: int = 1
    # Compare the chosen ids and weights rather than the sums.
    fingerprint: bool = False
    # Spread ep over two mesh axes.
    split_mesh: bool = False
    # Tiles that force several passes over the tokens and several blocks of an expert's rows.
    small_passes: bool = False
    # One pass after the other, where they may overlap: asked of such kernels alone.
    one_by_one: bool = False
    # Rows between HBM and VMEM in chunks of the fewest rows, so that a pass has several.
    small_chunks: bool = False
    # Logits that are far from nought, where that changes nothing but what a score is made of, and
    # some tokens' rows.
    far: bool = False
    # Some ids out of range, as padded tokens have.
    padding: bool = False
    # Every second token's logits or ids, and some tokens' rows, are such as none should be.
    hostile: bool = False
    # The same tokens in other calls, bit by bit: asked of deterministic kernels alone.
    bits: bool = False
    # Scales of nought and of NaN among those of the weights: asked of kernels with exponents alone.
    lost_scales: bool = False
    # "given" or "kernel": asked of kernels with such routing alone.
    routing: str | None = None
    # Part of a run that names no cases.
    usual: bool = True
    # Of no more devices, where a usual run has it: more take their rows one after the other.
    most_devices: int | None = None


def generator(seed: int, name: str, salt: int = 0) -> np.random.Generator:
    """A case's own random numbers: the same alone as among others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), salt])


def uniform(rng: np.random.Generator, shape: Shape) -> Logits:
    """(T, E) logits of a normal distribution."""
    return rng.standard_normal((shape.tokens, shape.experts)).astype(np.float32)


def preferring(rng: np.random.Generator, shape: Shape, first: np.ndarray) -> Logits:
    """(T, E) logits where those in `first` come before all others, by so little that every choice
    has a weight that is seen: after a softmax the least of them has a tenth of the largest."""
    logits = rng.uniform(-0.6, 0.6, (shape.tokens, shape.experts)).astype(np.float32)
    return logits + np.where(first, np.float32(1.5), np.float32(0.0))


def hot_expert(rng: np.random.Generator, shape: Shape) -> Logits:
    """Every token's first choice is one expert, in the middle of some device."""
    return preferring(rng, shape, np.arange(shape.experts) == _middle(shape))


def _middle(shape: Shape) -> int:
    return shape.experts - 1 - shape.local_experts // 2


def hot_and_own(rng: np.random.Generator, shape: Shape) -> Logits:
    """One hot expert; the other choices of each device's tokens are of a part of the experts, from the
    next device's on: most experts have rows of some devices alone."""
    share = -(-shape.tokens // shape.ep)
    part = max(shape.top_k, shape.experts // 4)
    first = (np.arange(shape.tokens) // share + 1) * shape.local_experts
    away = (np.arange(shape.experts) - first[:, None]) % shape.experts >= part
    away[:, _middle(shape)] = False
    return hot_expert(rng, shape) - np.where(away, np.float32(12.0), np.float32(0.0))


def hot_device(rng: np.random.Generator, shape: Shape) -> Logits:
    """As many choices as possible on the last device that has all of its experts."""
    device = shape.experts // shape.local_experts - 1
    return preferring(rng, shape, np.arange(shape.experts) // shape.local_experts == device)


def empty_experts(rng: np.random.Generator, shape: Shape) -> Logits:
    """Whole devices and single experts that no token chooses."""
    # Every second expert of every second device, none of the first ones; then what k of them need.
    order = sorted(
        range(shape.experts),
        key=lambda e: (
            (e // shape.local_experts + 1) % 2,
            (e % shape.local_experts + 1) % 2,
            e,
        ),
    )
    alive = order[: max(shape.top_k, shape.experts // 4)]
    logits = uniform(rng, shape)
    mask = np.full(shape.experts, -12.0, np.float32)
    mask[alive] = 0.0
    return logits + mask


def together(rng: np.random.Generator, shape: Shape) -> Logits:
    """Every second token chooses experts of one device before all: the order of those counts."""
    tokens = np.arange(shape.tokens)[:, None]
    device = np.where(tokens % 2 == 1, tokens // 2 % shape.ep, -1)
    return preferring(rng, shape, np.arange(shape.experts) // shape.local_experts == device)


def first_experts(rng: np.random.Generator, shape: Shape) -> Logits:
    """As many choices as possible on the first expert of each device: it has several blocks of rows."""
    return preferring(rng, shape, np.arange(shape.experts) % shape.local_experts == 0)


def ties(rng: np.random.Generator, shape: Shape) -> Logits:
    """Logits from {1, 2, 3}, and every fourth token all equal: the lowest id must win.

    None is zero: where scores are the logits as they are, the chosen ones' sum divides.
    """
    logits = rng.integers(1, 4, (shape.tokens, shape.experts)).astype(np.float32)
    logits[::4] = 1.0
    return logits


def hostile_logits(rng: np.random.Generator, shape: Shape) -> Logits:
    """Every second token's logits as `hostile.LOGITS` has them, one kind after the other."""
    return hostile.logits(rng, uniform(rng, shape), shape.top_k)


def not_divisible(usual: int, ep: int) -> int:
    """The largest T below the usual one that neither ep nor 2 divides."""
    count = max(usual - 1, 1)
    while count > 1 and (count % 2 == 0 or (ep > 1 and count % ep == 0)):
        count -= 1
    return count


def beyond_one_pass(usual: int, ep: int) -> int:
    """Over the 16 rows a device that the smallest pass holds, and not divisible."""
    return not_divisible(max(usual, 16 * ep) + 2 + 2 * ep, ep)


def two_blocks(usual: int, ep: int) -> int:
    """Two blocks of 128 tokens on each device, the second one with a token or two."""
    return 130 * ep - 1


def three_chunks(usual: int, ep: int) -> int:
    """Three chunks of 16 rows on each device, the last one with a row."""
    return 33 * ep


CASES: tuple[Case, ...] = (
    Case("uniform", "uniform", uniform),
    Case("hot-expert", "one hot expert", hot_expert),
    Case("hot-device", "one hot device", hot_device),
    Case("empty-experts", "empty experts and devices", empty_experts),
    Case("ties", "ties in the router", ties, fingerprint=True),
    Case("ids", "top-k ids and weights", uniform, fingerprint=True),
    Case("padding", "ids out of range", uniform, padding=True, routing="given"),
    Case(
        "hostile-logits", "NaN in logits and rows", hostile_logits, hostile=True, routing="kernel"
    ),
    Case("hostile-ids", "ids twice, NaN in rows", uniform, hostile=True, calls=2, routing="given"),
    Case("lost-scales", "scales of 0 and 255", uniform, lost_scales=True),
    Case("alone", "same bits in any other call", together, bits=True),
    Case("one-token", "one token", uniform, tokens=lambda usual, ep: 1),
    Case("two-calls", "two calls, far from 0", uniform, calls=2, far=True),
    Case(
        "odd",
        "T not divisible, passes, 2 axes",
        hot_and_own,
        tokens=beyond_one_pass,
        small_passes=True,
        split_mesh=True,
    ),
    Case(
        "one-by-one",
        "passes one after the other",
        hot_expert,
        tokens=beyond_one_pass,
        small_passes=True,
        one_by_one=True,
    ),
    Case(
        "blocks",
        "blocks of 128, many chunks",
        uniform,
        tokens=two_blocks,
        small_chunks=True,
        most_devices=8,
    ),
    # Building a program is what takes time, so the three of "odd" are one program; these tell them
    # apart, by name, and "not-divisible" visits further token buckets where there are any.
    Case("not-divisible", "T not divisible by ep", uniform, tokens=not_divisible, usual=False),
    Case(
        "passes",
        "several passes",
        hot_expert,
        tokens=beyond_one_pass,
        small_passes=True,
        usual=False,
    ),
    Case(
        "chunks",
        "rows in several chunks",
        uniform,
        tokens=three_chunks,
        small_chunks=True,
        usual=False,
    ),
    Case("two-axes", "mesh of two axes", uniform, split_mesh=True, usual=False),
)
