"""Complex numbers on the way from real ones to real ones, as in a Fourier transform.

Of a complex z, ``g`` is the number with dL = Re(g dz). Then the formula of a holomorphic function is the one
it has for real numbers, and what is not holomorphic stands here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise

__all__ = ["angle", "conjugate", "imag", "real"]


real = elementwise(
    lambda x: np.real(x), lambda g: g,
    name="real", numpy=(np.real,), holomorphic=True, view=True, doc="The real part of x.",
)


imag = elementwise(
    lambda x: np.imag(x),
    lambda g: g * -1j,  # Re(-i g dz) = g Im(dz); complex times np.float64 would be a complex of Python
    name="imag", numpy=(np.imag,), holomorphic=True, view=True, doc="The imaginary part of x; 0 for real x.",
)

conjugate = elementwise(
    np.conjugate, lambda g: np.conjugate(g),
    numpy=(np.conj,), holomorphic=True, doc="x with the other sign of its imaginary part.",
)


def _turn(g: Any, x: Any, deg: bool) -> Any:
    """-i g / z: the angle is the imaginary part of log(z), and does not change at 0 (the smallest subgradient)."""
    safe = np.where(x == 0, 1, x)
    return np.where(x == 0, 0, g * -1j / safe) * (57.29577951308232 if deg else 1)


angle = elementwise(
    lambda x, deg=False: np.angle(x, deg), lambda g, x, deg: _turn(g, x, deg),
    name="angle", numpy=(np.angle,), holomorphic=True, domain=((0.0, float("inf")),),
    doc="The angle of x in the complex plane, in radians or degrees; its gradient at 0 is 0.",
)
