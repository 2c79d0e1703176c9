"""The standard's extension for Fourier transforms, over tensors."""

from typing import Any

import numpy as np

from minigrad.array_api.answers import as_tensors, named
from minigrad.array_api.dtypes import check_device

globals().update(named(np.fft, "fft fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftn"))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of ``fft`` of n samples at distances ``d``."""
    check_device(device)
    return as_tensors(np.fft.fftfreq(n, d).astype(dtype or np.float64))


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of ``rfft`` of n samples at distances ``d``."""
    check_device(device)
    return as_tensors(np.fft.rfftfreq(n, d).astype(dtype or np.float64))
