"""``mg.signal``: convolutions and filters under the names of ``scipy.signal``, differentiable."""

from typing import TYPE_CHECKING

from minigrad.numerics import convolutions, filters
from minigrad.numerics.convolutions import *
from minigrad.numerics.filters import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
__all__ += convolutions.__all__
__all__ += filters.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
