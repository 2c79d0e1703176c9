"""Hypothesis strategies for functions of tensors: shapes, arrays, tensors, axes, indices, whole programs.

>>> from hypothesis import given
>>> from minigrad.testing import check_gradients, strategies
>>> @given(strategies.broadcastable_tensors(2))
... def test_product(xs):
...     check_gradients(mg.multiply, *xs)
>>> test_product()
"""

from minigrad.testing.programs import PROGRAM_OPS, Program, programs
from minigrad.testing.values import (
    Interval,
    Shape,
    arrays,
    arrays_of,
    axes,
    broadcastable_arrays,
    broadcastable_shapes,
    broadcastable_tensors,
    indices,
    shapes,
    spread_out,
    tensors,
)

__all__ = ["PROGRAM_OPS", "Interval", "Program", "Shape", "arrays", "arrays_of"]
__all__ += ["axes", "broadcastable_arrays", "broadcastable_shapes"]
__all__ += ["broadcastable_tensors", "indices", "programs", "shapes", "spread_out", "tensors"]
