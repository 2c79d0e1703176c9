"""``mg.fft``: NumPy's Fourier transforms, differentiable."""

from minigrad.ops import fourier
from minigrad.ops.fourier import *

__all__: list[str] = []
__all__ += fourier.__all__
