"""``mg.integrate``: integrals of samples under the names of ``scipy.integrate``, differentiable."""

from typing import TYPE_CHECKING

from minigrad.numerics import quadrature
from minigrad.numerics.quadrature import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
__all__ += quadrature.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
