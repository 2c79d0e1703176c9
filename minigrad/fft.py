"""``mg.fft``: NumPy's Fourier transforms, differentiable."""

from typing import TYPE_CHECKING

from minigrad.ops import fourier
from minigrad.ops.fourier import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
__all__ += fourier.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
    __path__ = ()  # where an import looks for what is missing, so that it gives this answer too
