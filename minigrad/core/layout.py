"""Where the numbers of a large gradient lie: in the order of those that its formula looks at.

NumPy writes a product over a factor that nobody else holds, ``g * (s * x)`` over ``s * x``, from 256 kB on. The result
then lies as that factor does; where it is new memory, as ``g`` and the factor do together. In a program of
``mg.compile`` every value has a place of its own. So where the two lie differently, as the result of a convolution (the
images of a batch side by side) and a gradient from elsewhere, sums behind them would go in another order than in the
step, and end in other bits. Laid out alike, both give one result, and no loop jumps through memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Bytes from which on NumPy looks whether it can write a result over an operand.
LARGE = 256 << 10


def laid_out(g: Any, saved: tuple[Any, ...]) -> Any:
    """``g``, or a copy in the order of the first of ``saved`` that has its shape, if the orders contradict."""
    strides = g.strides
    for x in saved:
        if getattr(x, "shape", None) == g.shape and hasattr(x, "strides"):
            if x.strides == strides:
                return g
            moving = [axis for axis, size in enumerate(g.shape) if size > 1 and strides[axis] and x.strides[axis]]
            if _outermost_first(moving, strides) == _outermost_first(moving, x.strides):
                return g
            order = _outermost_first(range(g.ndim), x.strides)
            return np.copy(g.transpose(order), "C").transpose([order.index(axis) for axis in range(g.ndim)])
    return g


def _outermost_first(axes: Any, strides: tuple[int, ...]) -> list[int]:
    return sorted(axes, key=lambda axis: -abs(strides[axis]))
