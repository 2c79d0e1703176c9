"""Operations whose values jump: they are constant between the jumps, so their gradient is 0 everywhere.

Nothing at all flows through them, not even the inf of a singular point below: they route g nowhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.primitive import routing

__all__ = ["around", "ceil", "fix", "floor", "floor_divide", "heaviside", "rint", "round", "sign", "trunc"]


def _nothing(g: Any) -> Any:
    return np.zeros(g.shape, g.dtype)


BETWEEN_JUMPS = ((0.5, 1.0),)  # for all of them: halves jump in rint, whole numbers in the others

sign = routing(np.sign, lambda g: _nothing(g), doc="-1, 0 or 1; the gradient is 0.")
floor = routing(
    np.floor, lambda g: _nothing(g),
    domain=BETWEEN_JUMPS, doc="The largest whole number up to x; the gradient is 0.",
)
ceil = routing(
    np.ceil, lambda g: _nothing(g),
    domain=BETWEEN_JUMPS, doc="The smallest whole number from x on; the gradient is 0.",
)
trunc = routing(
    np.trunc, lambda g: _nothing(g),
    numpy=(np.fix,), domain=BETWEEN_JUMPS, doc="x without its fraction; the gradient is 0.",
)
fix = trunc
rint = routing(
    np.rint, lambda g: _nothing(g),
    domain=BETWEEN_JUMPS, doc="The nearest whole number, the even one of two; the gradient is 0.",
)


round = routing(
    lambda a, decimals=0: np.round(a, decimals), lambda g: _nothing(g),
    name="round", numpy=(np.round, np.around), domain=BETWEEN_JUMPS,
    doc="a rounded to ``decimals`` places, half to even, negative ones before the point; the gradient is 0.",
)
around = round
floor_divide = routing(
    np.floor_divide, lambda g: _nothing(g), lambda g: _nothing(g),
    doc="floor(x / y); the gradient is 0.",
)
heaviside = routing(
    np.heaviside, lambda g: _nothing(g), lambda g, x: np.where(np.equal(x, 0), g, np.zeros(1, g.dtype)),
    doc="0 for negative x, 1 for positive x, y at 0, where it has the gradient; with respect to x it is 0.",
)
