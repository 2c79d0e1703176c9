"""The gradient of a length: x over its length, and 0 where that is 0, the smallest subgradient.

There the first order is a choice, and the second does not exist: a length has a kink at 0. A composition such as
``norm(x)**2`` is smooth all the same, but its parts send 0 / 0: twice the length, times the slope of x over the length.
So the second order at 0 is NaN and not the 0 that a masked quotient would have: 2I would be right, and 0 wrong.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive
from minigrad.ops.along import nowhere

__all__ = []


def _per_length(x: Any, scale: Any, length: Any) -> Any:
    none = length == 0
    if nowhere(none):
        return x / length * scale
    # First x over its length, which is 1 at most: the scale over a length of 1e20 might be below the smallest number.
    return x / np.where(none, 1, length) * np.where(none, 0, scale)


per_length: Primitive = elementwise(
    _per_length,
    lambda g, scale, length: g * (scale / length),
    lambda g, x, length: per_length(x, g, length),
    lambda g, z, length: -g * z / length,
    name="per_length", domain=(REALS, REALS, (0.0, math.inf)), analytic=True,
    doc="x * scale / length, and 0 where the length is 0: there it has no derivative, and its gradient is NaN or inf.",
)
