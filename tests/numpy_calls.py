"""A call of every public name of ``np``, ``np.linalg`` and ``np.fft``: what ``docs/numpy.md`` is made of.

A call is text in which ``f`` is the function. Its arrays of floats, those of ``FLOATS``, are tensors that require a
gradient; the others are plain. What the calls do is found out by running them (``tests/numpy_page.py``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

_RNG = np.random.default_rng(8)


def _apart(shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Numbers in no order that keep a distance, so that no difference straddles a kink."""
    count = int(np.prod(shape))
    places = (_RNG.permutation(count) + 0.3) / count
    return (low + (high - low) * places * (0.8 + 0.2 * places)).reshape(shape)  # sums of some do not tie either


_MATRIX = _apart((3, 3), -1.0, 1.0) + 1.7 * np.eye(3)

#: Arrays of floats: tensors in a call.
FLOATS = {
    "x": _apart((2, 3), 0.5, 2.0),
    "y": _apart((2, 3), 0.65, 2.2),
    "v": _apart((3,), 0.5, 2.0),
    "w": _apart((3,), 0.75, 2.1),
    "p": _apart((2, 3), 0.1, 0.9),
    "cube": _apart((2, 3, 3), 0.5, 2.0),
    "square": _MATRIX,
    "definite": _MATRIX @ _MATRIX.T + np.eye(3),
    "number": np.array(1.3),
}

#: Arrays of integers: tensors too.
INTEGERS = {"numbers": np.array([1, 2, 5])}

#: What is no tensor: masks, integers, places.
OTHERS = {
    "i": np.array([0, 2]),
    "k": np.array([[1, -2, 0], [2, 1, 1]]),
    "mask": np.array([[True, False, True], [False, True, True]]),
    "order": np.array([[2, 0, 1], [1, 0, 2]]),
    "eye": np.eye(3),
}


def written(write: Callable[[Any], Any], x: Any) -> Any:
    """A copy of x, into which is written."""
    y = x * 1.0
    assert write(y) is None
    return y


def filled(y: Any, number: Any) -> Any:
    """An array that was made for it, full of a number."""
    y[...] = number
    return y


NAMESPACE = {"np": np, "written": written, "filled": filled, "io": io, **OTHERS}


def arguments(call: str) -> list[str]:
    """The names of the tensors in a call, each once."""
    return [name for name in dict.fromkeys(re.findall(r"[a-z]+", call)) if name in FLOATS or name in INTEGERS]


#: Calls of what differentiates, and the names that they are of.
DIFFERENTIATE = {
    "f(x)": """
        abs absolute amax amin arcsinh arctan around asinh atan atleast_1d atleast_2d atleast_3d average cbrt ceil conj
        conjugate copy cos cosh cumprod cumsum deg2rad degrees diagflat diff ediff1d exp exp2 expm1 fabs fft.fft
        fft.fft2 fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ifftshift fft.ihfft fft.irfft
        fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn fix flip fliplr flipud floor frexp gradient i0 linalg.cond
        linalg.matrix_norm linalg.matrix_transpose linalg.norm linalg.pinv linalg.svdvals linalg.vector_norm log log10
        log1p log2 matrix_transpose max mean median min modf nan_to_num nancumprod nancumsum nanmax nanmean nanmedian
        nanmin nanprod nanstd nansum nanvar negative permute_dims positive prod ptp rad2deg radians ravel real
        reciprocal rint rot90 round sign sin sinc sinh sort sort_complex spacing sqrt square squeeze std sum tan tanh
        transpose trapezoid tril triu trunc unstack unwrap var
    """,
    "f(x + 1j * y)": "angle imag real_if_close",
    "f(p)": "acos arccos arcsin arctanh asin atanh",
    "f(x + 1.5)": "acosh arccosh",
    "f(v)": "cumulative_prod cumulative_sum diag poly polyder polyint roots trim_zeros vander",
    "f(x, y)": """
        add append arctan2 atan2 copysign divide divmod float_power floor_divide fmax fmin fmod heaviside hypot inner
        kron linalg.tensordot linalg.vecdot logaddexp logaddexp2 maximum minimum mod multiply nextafter outer pow power
        remainder subtract tensordot true_divide vdot vecdot
    """,
    "f(v, w)": "convolve correlate cross linalg.cross linalg.outer polyadd polydiv polymul polysub polyval",
    "f(x, square)": "dot linalg.matmul matmul",
    "f(x, v)": "matvec",
    "f(v, square)": "vecmat",
    "f([x, y])": "block column_stack concat concatenate dstack hstack row_stack stack vstack",
    "f([x, square, cube[0]])": "linalg.multi_dot",
    "f(x, 1)": "array_split expand_dims partition repeat roll rollaxis",
    "f(x, 2)": "tile vsplit",
    "f(x, 3)": "hsplit ldexp",
    "f(x, 3, 1)": "split",
    "f(cube, 3)": "dsplit",
    "f(x, float)": "astype",
    "f(x, 0.3)": "nanquantile quantile",
    "f(x, 30)": "nanpercentile percentile",
    "f(x, 0, 1)": "delete moveaxis swapaxes",
    "f(x, 1, v[:2], 1)": "insert",
    "f(x, (3, 2))": "reshape resize",
    "f(x, (2, 2, 3))": "broadcast_to",
    "f(x, 1, constant_values=number)": "pad",
    "f(x, 0.8, 1.5)": "clip",
    "f(x, i, 1)": "take",
    "f(x, order, 1)": "take_along_axis",
    "f(mask[:, 0], x, 0)": "compress",
    "f(mask, x)": "extract",
    "f(mask, x, y)": "where",
    "f([mask, ~mask], [x, y])": "select",
    "f(order % 2, [x, y])": "choose",
    "f([0, 2, 2], v)": "bincount",
    "f(x, w)": "broadcast_arrays",
    "f(v, w[:2])": "meshgrid",
    "f('ij,kj', x, y)": "einsum",
    "f(p, [0.0, 0.4, 1.0], v)": "interp",
    "f(cube[0])": "corrcoef cov",
    "f(cube)": "diagonal linalg.diagonal linalg.trace trace",
    "f(square)": "linalg.det linalg.eigvals linalg.inv linalg.slogdet",
    "np.abs(f(square)[1])": "linalg.eig",
    "f(square, 3)": "linalg.matrix_power",
    "f(square, v)": "linalg.solve",
    "f(x.T, v)": "linalg.lstsq",
    "f(x.T)": "linalg.qr",
    "f(x, full_matrices=False)": "linalg.svd",
    "f(definite + definite.T)": "linalg.cholesky linalg.eigh linalg.eigvalsh",
    "f(definite, 1)": "linalg.tensorinv",
    "f(definite, w)": "linalg.tensorsolve",
    "f(v, w, 4)": "geomspace linspace logspace",
    "f(x, number)": "full_like",
    "filled(f(x), number)": "empty_like ones_like zeros_like",
    "f(np.cumsum, 1, x)": "apply_along_axis",
    "f(np.sum, x, [0, 1])": "apply_over_axes",
    "f(x, [x > 1.2], [np.sqrt, np.square])": "piecewise",
    "f(v, w, 1)": "polyfit",
    "f([0.5, 1.5, 3.0], 2, weights=v)": "histogram",
    "f([0.5, 1.5, 3.0], [1.0, 2.0, 0.0], 2, weights=v)": "histogram2d",
    "f(k.T, 2, weights=v)": "histogramdd",
    "f(4, number)": "fft.fftfreq fft.rfftfreq",
    "written(lambda y: f(y, v), x)": "copyto",
    "written(lambda y: f(y, number), square)": "fill_diagonal",
    "written(lambda y: f(y, mask, v), x)": "place putmask",
    "written(lambda y: f(y, i, v[:2]), x)": "put",
    "written(lambda y: f(y, order, x * x, 1), x)": "put_along_axis",
    "f(lambda i, j: x * i, (2, 3))": "fromfunction",
    "f(v)(number)": "poly1d",
}

#: Calls of what gives a plain answer whether a gradient is required or not: nothing could flow through it.
PLAIN = {
    "f(x)": """
        all any argmax argmin argsort argwhere array2string array_repr array_str common_type count_nonzero
        flatnonzero iscomplex iscomplexobj isfinite isinf isnan isneginf isposinf isreal isrealobj logical_not
        isscalar iterable min_scalar_type nanargmax nanargmin ndim nonzero result_type shape signbit size
    """,
    "f(square)": "diag_indices_from linalg.matrix_rank tril_indices_from triu_indices_from",
    "f(x, y)": """
        allclose array_equal array_equiv equal greater greater_equal isclose isin less less_equal logical_and logical_or
        logical_xor may_share_memory not_equal shares_memory
    """,
    "f(x, 1)": "argpartition",
    "f((v, w))": "lexsort",
    "f('ij,kj', x, y)": "einsum_path",
    "f(x, float)": "can_cast",
    "f([0.0, 1.0, 2.0], x)": "searchsorted",
    "f(x, [0.0, 1.0, 2.0])": "digitize",
    "f([True, False], [True])": "ix_",
    "f(numbers)": "bitwise_count bitwise_invert bitwise_not invert",
    "f(numbers, 3)": """
        bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor gcd lcm left_shift right_shift
    """,
    "f(numbers.astype(np.uint8))": "packbits unpackbits",
    "f(numbers, (9, 9))": "unravel_index",
    "f((numbers, numbers), (9, 9))": "ravel_multi_index",
}

#: Calls of what has a plain answer for tensors without a gradient: with one it is refused.
PLAIN_WITHOUT = {
    "f(x)": "histogram_bin_edges unique unique_all unique_counts unique_inverse unique_values",
    "f(x, y)": "intersect1d setdiff1d setxor1d union1d",
    "f(lambda a: a * 2, 1, 1)(x)": "frompyfunc",
    "f(io.BytesIO(), x)": "save savetxt savez savez_compressed",
}

#: Calls of what could have a derivative, or loses one: NumPy makes a plain array of its arguments before it asks
#: anybody. With a gradient they are refused, without one NumPy answers.
REFUSED = {
    "f(x)": """
        array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix from_dlpack matrix
        ndenumerate nditer require
    """,
    "f(x, y)": "broadcast",
    "f(v, float)": "fromiter",
    "f(2, number)": "full",
    "f(5, number)": "kaiser",
    "f(number, 3.0)": "arange",
    "f(number)": """
        cdouble clongdouble complex128 complex64 csingle double float16 float32 float64
        format_float_positional format_float_scientific half longdouble single
    """,
    "f([[x, y]])": "bmat",
    "f(np.sqrt)(x)": "vectorize",
}

#: What takes no array of floats: types, settings, files, text, dates, shapes, places, and what makes arrays of sizes.
NO_ARRAYS = """
bartlett base_repr binary_repr blackman bool bool_ broadcast_shapes busday_count busday_offset busdaycalendar byte
bytes_ character complex256 complexfloating datetime64 datetime_as_string datetime_data diag_indices dtype empty
errstate eye fft.test finfo flatiter flexible float128 floating frombuffer fromfile fromregex fromstring generic
genfromtxt get_include get_printoptions getbufsize geterr geterrcall hamming hanning identity iinfo indices inexact
info int16 int32 int64 int8 int_ intc integer intp is_busday isdtype isfortran isnat issubdtype linalg.LinAlgError
linalg.test load loadtxt long longlong mask_indices memmap mintypecode ndarray ndindex nested_iters number object_
ones printoptions promote_types recarray record set_printoptions setbufsize seterr seterrcall short show_config
show_runtime signedinteger str_ test timedelta64 tri tril_indices triu_indices typename ubyte ufunc uint uint16 uint32
uint64 uint8 uintc uintp ulong ulonglong unsignedinteger ushort void zeros
"""
