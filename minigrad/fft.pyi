"""The types of ``minigrad.fft``, written by ``python -m tests.stubs``."""

# mypy: disable-error-code="overload-overlap"

import numpy as np
from collections.abc import Sequence
from typing import Literal, Protocol, overload
from minigrad.core.tensor import Tensor
from minigrad.typing import Ints, Numbers, TensorLike

__all__ = ["fft", "fft2", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftn"]
class Call_a_n_axis_norm(Protocol):
    @overload
    def __call__(self, a: Numbers, n: int | None = None, axis: int = -1, norm: Literal["backward", "ortho", "forward"] | None = None) -> np.ndarray: ...
    @overload
    def __call__(self, a: TensorLike, n: int | None = None, axis: int = -1, norm: Literal["backward", "ortho", "forward"] | None = None) -> Tensor: ...
class Call_a_s_axes_norm(Protocol):
    @overload
    def __call__(self, a: Numbers, s: Sequence[int] | None = None, axes: Ints | None = None, norm: Literal["backward", "ortho", "forward"] | None = None) -> np.ndarray: ...
    @overload
    def __call__(self, a: TensorLike, s: Sequence[int] | None = None, axes: Ints | None = None, norm: Literal["backward", "ortho", "forward"] | None = None) -> Tensor: ...
class Call_a_s_axes_norm2(Protocol):
    @overload
    def __call__(self, a: Numbers, s: Sequence[int] | None = None, axes: Ints | None = (-2, -1), norm: Literal["backward", "ortho", "forward"] | None = None) -> np.ndarray: ...
    @overload
    def __call__(self, a: TensorLike, s: Sequence[int] | None = None, axes: Ints | None = (-2, -1), norm: Literal["backward", "ortho", "forward"] | None = None) -> Tensor: ...
fft: Call_a_n_axis_norm
@overload
def fft2(a: Numbers, s: Sequence[int] | None = None, axes: Sequence[int] | None = (-2, -1), norm: Literal["backward", "ortho", "forward"] | None = None) -> np.ndarray: ...
@overload
def fft2(a: TensorLike, s: Sequence[int] | None = None, axes: Sequence[int] | None = (-2, -1), norm: Literal["backward", "ortho", "forward"] | None = None) -> Tensor: ...
fftn: Call_a_s_axes_norm
@overload
def fftshift(x: Numbers, axes: Ints | None = None) -> np.ndarray: ...
@overload
def fftshift(x: TensorLike, axes: Ints | None = None) -> Tensor: ...
hfft: Call_a_n_axis_norm
ifft: Call_a_n_axis_norm
ifft2: Call_a_s_axes_norm2
ifftn: Call_a_s_axes_norm
@overload
def ifftshift(x: Numbers, axes: Ints | None = None) -> np.ndarray: ...
@overload
def ifftshift(x: TensorLike, axes: Ints | None = None) -> Tensor: ...
ihfft: Call_a_n_axis_norm
irfft: Call_a_n_axis_norm
irfft2: Call_a_s_axes_norm2
irfftn: Call_a_s_axes_norm
rfft: Call_a_n_axis_norm
rfft2: Call_a_s_axes_norm2
rfftn: Call_a_s_axes_norm
