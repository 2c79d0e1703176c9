"""Samples of Fourier transforms, of real and of complex numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample, positional
from minigrad.testing.strategies import Shape, arrays, arrays_of, shapes
from tests.samples.builders import REALS, axis_of

_NORMS = st.sampled_from([None, "backward", "ortho", "forward"])


def _of_complex(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(x + iy)."""
    return f(xs[0] + 1j * xs[1], **options)


def _real_or_complex(draw: DrawFn, shape: Shape, options: dict[str, Any], may_be_complex: bool) -> Sample:
    if may_be_complex and draw(st.booleans()):
        return Sample(draw(arrays_of([shape] * 2, [REALS] * 2)), options, _of_complex)
    return Sample([draw(arrays(shape))], options, positional)


@st.composite
def _along_one_axis(draw: DrawFn, may_be_complex: bool) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axis_of(shape))
    n = draw(st.sampled_from([None, 1, 2, 3, 5, 6]))
    if n is None and shape[axis] == 1:
        n = 2  # irfft of one element alone would give none
    return _real_or_complex(draw, shape, {"n": n, "axis": axis, "norm": draw(_NORMS)}, may_be_complex)


@st.composite
def _along_axes(draw: DrawFn, may_be_complex: bool, two: bool) -> Sample:
    shape = draw(shapes(min_dims=2 if two else 1, min_side=2))
    options: dict[str, Any] = {"norm": draw(_NORMS)}
    if draw(st.booleans()):
        count = 2 if two else draw(st.integers(1, len(shape)))
        axes = tuple(
            a - draw(st.sampled_from([0, len(shape)])) for a in draw(st.permutations(range(len(shape))))[:count]
        )
        options["axes"] = axes
        if draw(st.booleans()):
            options["s"] = tuple(draw(st.sampled_from([-1, 1, 2, 3, 5])) for _ in axes)
    return _real_or_complex(draw, shape, options, may_be_complex)


@st.composite
def _shift(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1))
    several = st.permutations(range(len(shape))).map(lambda order: tuple(order[:2]))
    return Sample([draw(arrays(shape))], {"axes": draw(st.one_of(st.none(), several, axis_of(shape)))})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    **dict.fromkeys(["fft", "ifft", "irfft", "hfft"], _along_one_axis(may_be_complex=True)),
    **dict.fromkeys(["rfft", "ihfft"], _along_one_axis(may_be_complex=False)),
    **dict.fromkeys(["fftn", "ifftn", "irfftn"], _along_axes(may_be_complex=True, two=False)),
    "rfftn": _along_axes(may_be_complex=False, two=False),
    **dict.fromkeys(["fft2", "ifft2", "irfft2"], _along_axes(may_be_complex=True, two=True)),
    "rfft2": _along_axes(may_be_complex=False, two=True),
    **dict.fromkeys(["fftshift", "ifftshift"], _shift()),
}
