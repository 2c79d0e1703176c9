"""What a training step cannot do without: its matrix products and its bytes, at the speed this machine has for them.

A network of Linear layers with relu in between, sizes n_0, n_1, ..., n_L, a batch of B rows, Adam. With P weights and
biases together, and H = n_1 + ... + n_(L-1) hidden units, a step multiplies and adds

    FLOPs = 2 B (2 n_0 n_1 + 3 (n_1 n_2 + ... + n_(L-1) n_L))

times: a layer takes 2 B n m forward, as many for the gradient of its weights, and as many for that of its inputs, which
the first layer is not asked for. Besides what the products themselves touch, it moves

    bytes = 4 (7 P + 5 B H)

in float32: Adam reads weights, gradients and two momenta, and writes all but the gradients (7 P); relu reads and writes
each activation, and backward reads it and its gradient and writes that of its input (5 B H). The loss is left out.

    floor = FLOPs / rate + bytes / bandwidth

The rate is that of ``np.matmul`` into memory that is there, at the very shapes; the bandwidth that of ``np.add`` of two
arrays into a third, as large together as these bytes. So small sizes find what they need in the cache, here as there,
and the floor holds the cost of one NumPy call for each product and of one for all the bytes. A program that lies
below has a faster matrix product, or keeps numbers in registers between one use and the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .timing import per_call

#: Bytes of one array at most, far beyond any cache: more would run at the same speed.
LONGEST = 2**26


class Product(NamedTuple):
    """A matrix product of a step: FORWARD x @ W.T, WEIGHTS g.T @ x, INPUTS g @ W, where x is (batch, n), W (m, n)."""

    kind: str
    batch: int
    n: int
    m: int

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batch * self.n * self.m


@dataclass(frozen=True)
class Floor:
    """Seconds that a step takes at least: for its products, and for the bytes beside them."""

    products: float
    traffic: float

    @property
    def seconds(self) -> float:
        """Both, one after the other."""
        return self.products + self.traffic


def products(sizes: tuple[int, ...], batch: int) -> Counter[Product]:
    """How often a step takes each product."""
    found: Counter[Product] = Counter()
    for layer, (n, m) in enumerate(pairwise(sizes)):
        kinds = ("FORWARD", "WEIGHTS", "INPUTS") if layer else ("FORWARD", "WEIGHTS")
        found.update(Product(kind, batch, n, m) for kind in kinds)
    return found


def flops(sizes: tuple[int, ...], batch: int) -> int:
    """Those of all products."""
    return sum(times * product.flops for product, times in products(sizes, batch).items())


def traffic(sizes: tuple[int, ...], batch: int) -> int:
    """The bytes that a step moves outside of its products."""
    parameters = sum(n * m + m for n, m in pairwise(sizes))
    return 4 * (7 * parameters + 5 * batch * sum(sizes[1:-1]))


def meter(
    sizes: tuple[int, ...],
    batch: int,
    seconds: float,
    product_meter: Callable[[Product, float], Callable[[], float]] | None = None,
    traffic_meter: Callable[[int, float], Callable[[], float]] | None = None,
) -> Callable[[], Floor]:
    """A measurement of the floor that takes about ``seconds``; other meters than those of this machine may be given."""
    counted = products(sizes, batch)
    share = seconds / (len(counted) + 1)
    measured = [((product_meter or measured_product)(product, share), times) for product, times in counted.items()]
    moved = (traffic_meter or measured_traffic)(traffic(sizes, batch), share)
    return lambda: Floor(sum(times * measure() for measure, times in measured), moved())


def measured_product(product: Product, seconds: float) -> Callable[[], float]:
    """A measurement of NumPy's time for one product."""
    kind, batch, n, m = product
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape, np.float32) for shape in ((batch, n), (m, n), (batch, m)))
    a, b = {"FORWARD": (x, w.T), "WEIGHTS": (g.T, x), "INPUTS": (g, w)}[kind]
    out = np.empty((a.shape[0], b.shape[1]), np.float32)
    return per_call(lambda: np.matmul(a, b, out=out), seconds)


def measured_traffic(size: int, seconds: float) -> Callable[[], float]:
    """A measurement of the time in which an addition of two arrays moves ``size`` bytes."""
    length = max(1, min(size // 3, LONGEST) // 4)
    a, b, c = (np.ones(length, np.float32) for _ in range(3))
    measure = per_call(lambda: np.add(a, b, out=c), seconds)
    return lambda: measure() * size / (3 * a.nbytes)
