"""Discrete Fourier transforms along one axis or several, as NumPy has them: ``n``, ``axis``, ``norm``.

The matrix of a transform is symmetric, and of a complex z the gradient g is the number with dL = Re(g dz). So the
gradient goes through the same transform, not through the inverse one: conjugates appear only where half of a
spectrum stands for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from minigrad.core.primitive import moving, primitive
from minigrad.core.table import derived
from minigrad.errors import DTypeError, ShapeError
from minigrad.ops.indexing import put

__all__ = [
    "fft", "fft2", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2",
    "irfftn", "rfft", "rfft2", "rfftn",
]

Shape = tuple[int, ...]
Transform = Callable[..., Any]
Norm = Literal["backward", "ortho", "forward"] | None

#: With these the factor of a transform and that of its inverse change places.
_OTHER_NORM: dict[Norm, Norm] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _to_length(g: Any, shape: Shape, axis: int) -> Any:
    """``g`` as the gradient of what was cut to its length along ``axis``, or filled up with zeros to it."""
    size, had = g.shape[axis], shape[axis]
    index = (*(slice(None),) * (axis % len(shape)), slice(min(size, had)))
    return g if size == had else g[index] if size > had else put(g, index, shape)


fft = primitive(
    lambda a, n=None, axis=-1, norm=None: np.fft.fft(a, n, axis, norm),
    lambda g, a_shape, axis, norm: _to_length(np.fft.fft(g, None, axis, norm), a_shape, axis),
    name="fft", numpy=(np.fft.fft,), holomorphic=True,
    doc="The discrete Fourier transform along ``axis``, of the first ``n`` elements or with zeros up to n.",
)


ifft = primitive(
    lambda a, n=None, axis=-1, norm=None: np.fft.ifft(a, n, axis, norm),
    lambda g, a_shape, axis, norm: _to_length(np.fft.ifft(g, None, axis, norm), a_shape, axis),
    name="ifft", numpy=(np.fft.ifft,), holomorphic=True, doc="The inverse of ``fft``.",
)


# -- real numbers, and the half of their spectrum that says it all ------------------------------


def _multiplicity(n: int, ndim: int, axis: int, dtype: Any) -> Any:
    """How often each element of half a spectrum of ``n`` occurs in all of it: twice but at its ends."""
    counts = np.full(n // 2 + 1, 2, np.finfo(dtype).dtype)
    counts[0] = 1
    if n % 2 == 0:
        counts[-1] = 1
    return counts.reshape([-1 if a == axis % ndim else 1 for a in range(ndim)])


def _to_reals(g: Any, shape: Shape, n: int | None, axis: int, norm: Norm) -> Any:
    """The real part of the transform of g: with half of g at its mirror image, what ``irfft`` calculates."""
    size = shape[axis] if n is None else n
    halves = np.conjugate(g) / _multiplicity(size, len(shape), axis, g.dtype)
    return _to_length(np.fft.irfft(halves, size, axis, _OTHER_NORM[norm]), shape, axis)


rfft = primitive(
    lambda a, n=None, axis=-1, norm=None: np.fft.rfft(a, n, axis, norm),
    lambda g, a_shape, n, axis, norm: _to_reals(g, a_shape, n, axis, norm),
    name="rfft", numpy=(np.fft.rfft,), holomorphic=True,
    doc="The first n // 2 + 1 elements of the transform of real numbers: the others are their conjugates.",
)


def _to_half(g: Any, shape: Shape, axis: int, norm: Norm) -> Any:
    """The conjugate transform of a real g; an element of half the spectrum that stands for two counts twice."""
    half = np.conjugate(np.fft.rfft(g, None, axis, _OTHER_NORM[norm]))
    return _to_length(half * _multiplicity(g.shape[axis], len(shape), axis, g.dtype), shape, axis)


irfft = primitive(
    lambda a, n=None, axis=-1, norm=None: np.fft.irfft(a, n, axis, norm),
    lambda g, a_shape, axis, norm: _to_half(g, a_shape, axis, norm),
    name="irfft", numpy=(np.fft.irfft,), holomorphic=True,
    doc="The inverse of ``rfft``, of ``n`` real numbers, by default 2 * (size - 1); imaginary parts at the ends of "
    "the spectrum count for nothing.",
)


@derived(np.fft.hfft)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """The transform, ``n`` real numbers, of a signal with Hermitian symmetry, given by its first half."""
    return np.fft.irfft(np.conjugate(a), n, axis, _OTHER_NORM.get(norm, norm))


@derived(np.fft.ihfft)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """The inverse of ``hfft``."""
    return np.conjugate(np.fft.rfft(a, n, axis, _OTHER_NORM.get(norm, norm)))


# -- several axes -------------------------------------------------------------------------------


def _sizes_and_axes(shape: Shape, s: Any, axes: Any) -> tuple[list[int | None], list[int]]:
    """How many elements to transform along which axes; None is the transform's own default."""
    for name, values in (("s", s), ("axes", axes)):
        if not (values is None or isinstance(values, (tuple, list, range, np.ndarray))):
            raise DTypeError(f"{name} is a sequence of whole numbers, such as (0, 1); got {values!r:.60}")
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    sizes = [None] * len(axes) if s is None else list(s)
    if len(sizes) != len(axes):
        raise ShapeError(f"a transform of sizes s={tuple(s)} needs as many axes, got axes={tuple(axes)}")
    return [shape[axis] if n == -1 else n for n, axis in zip(sizes, axes, strict=True)], list(axes)


def _each(transform: Transform, a: Any, sizes: list[int | None], axes: list[int], norm: Norm) -> Any:
    """One transform after the other, the last axis first as in NumPy."""
    for n, axis in zip(reversed(sizes), reversed(axes), strict=True):
        a = transform(a, n, axis, norm)
    return a


@derived(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Any:
    """The transform along several ``axes``, by default all, with ``s`` elements along each."""
    return _each(fft, a, *_sizes_and_axes(np.shape(a), s, axes), norm)


@derived(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Any:
    """The inverse of ``fftn``."""
    return _each(ifft, a, *_sizes_and_axes(np.shape(a), s, axes), norm)


@derived(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Any:
    """The transform of real numbers along several axes; the last axis has half of the spectrum."""
    sizes, axes = _sizes_and_axes(np.shape(a), s, axes)
    return _each(fft, rfft(a, sizes[-1], axes[-1], norm), sizes[:-1], axes[:-1], norm)


@derived(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Any:
    """The inverse of ``rfftn``; the size of the last axis is 2 * (size - 1) unless ``s`` says it."""
    sizes, axes = _sizes_and_axes(np.shape(a), s, axes)
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        a = ifft(a, n, axis, norm)
    return irfft(a, sizes[-1], axes[-1], norm)


@derived(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Any:
    """``fftn`` along the last two axes."""
    return fftn(a, s, axes, norm)


@derived(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Any:
    """``ifftn`` along the last two axes."""
    return ifftn(a, s, axes, norm)


@derived(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Any:
    """``rfftn`` along the last two axes."""
    return rfftn(a, s, axes, norm)


@derived(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Any:
    """``irfftn`` along the last two axes."""
    return irfftn(a, s, axes, norm)


# -- the order of a spectrum --------------------------------------------------------------------


fftshift = moving(
    lambda x, axes=None: np.fft.fftshift(x, axes), lambda g, axes: np.fft.ifftshift(g, axes),
    name="fftshift", numpy=(np.fft.fftshift,), analytic=True,
    doc="The two halves of each of ``axes`` exchanged: frequency 0 in the middle.",
)


ifftshift = moving(
    lambda x, axes=None: np.fft.ifftshift(x, axes), lambda g, axes: np.fft.fftshift(g, axes),
    name="ifftshift", numpy=(np.fft.ifftshift,), analytic=True, doc="The inverse of ``fftshift``.",
)
