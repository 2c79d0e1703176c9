"""``mg.interpolate``: cubic curves through points under the names of ``scipy.interpolate``, differentiable."""

from typing import TYPE_CHECKING

from minigrad.numerics import splines
from minigrad.numerics.splines import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
__all__ += splines.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
