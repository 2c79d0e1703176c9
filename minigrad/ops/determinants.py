"""Determinants of the matrices in the last two axes, and their logarithms: exact for singular matrices too."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.kernels import determinants as kernels
from minigrad.ops.linalg import transposed

__all__ = ["det", "slogdet"]

# -- determinants -------------------------------------------------------------------------------


def _on_matrices(g: Any) -> Any:
    """One number for each matrix, with two axes that broadcast over its elements."""
    return np.reshape(g, (*g.shape, 1, 1))


det = primitive(
    lambda a: np.linalg.det(a), lambda g, a: _on_matrices(g) * cofactors(a),
    name="det",
    numpy=(np.linalg.det,), holomorphic=True,  # not analytic: singular values, in the gradient, take no complex step
    doc="The determinant. Its gradient, the cofactors, is exact for singular matrices too, and so is its second.",
)


cofactors: Primitive = primitive(
    kernels.cofactors, lambda g, a: cofactors_along(a, g),
    name="cofactors", holomorphic=True,
    doc="The matrix of cofactors, the gradient of the determinant: det(a) * inv(a).T, and for singular a its limit.",
)


def _third(g: Any, a: Any, direction: Any) -> Any:
    """The third derivative of the determinant along two directions: of a polynomial, from its values around a."""
    steps, weights = kernels.circle(detached(a), detached(g))
    around, here = (cofactors_along(a + size * (steps * g), direction) for size in (1, 0))
    slope = np.sum(weights * (around - here), 0)  # the weights sum to 0, and so g = 0 gives 0 to the last bit
    return slope if any(np.iscomplexobj(x) for x in (g, a, direction)) else np.real(slope)


cofactors_along: Primitive = primitive(
    kernels.cofactors_along,
    lambda g, a, direction: _third(g, a, direction),
    lambda g, a: cofactors_along(a, g),  # second derivatives may be taken in either order
    name="cofactors_along", holomorphic=True, doc="How the cofactors of a change along a direction.",
)


logabsdet = primitive(
    lambda a: np.linalg.slogdet(a)[1], lambda g, a: _on_matrices(g) * transposed(np.linalg.inv(a)),
    name="logabsdet", holomorphic=True,  # d log|det| = Re tr(inv(a) da), so the formula holds as it stands
    doc="log(abs(det(a))), also where the determinant itself over- or underflows.",
)


class SlogdetResult(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


det_phase = primitive(
    lambda a: np.linalg.slogdet(a)[0],
    # The phase turns by Im tr(inv(a) da), and of that the number with dL = Re(...) is i Im(g z).
    lambda g, z, a: _on_matrices(np.imag(g * z) * 1j) * transposed(np.linalg.inv(a)),
    name="det_phase", holomorphic=True, doc="The determinant of complex a divided by its absolute value.",
)


@derived(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """The sign of the determinant and ``logabsdet``. The sign of a real one is a plain array, as it does not move."""
    turns = np.iscomplexobj(a)
    return SlogdetResult(det_phase(a) if turns else np.linalg.slogdet(detached(a))[0], logabsdet(a))
