"""What may become the data of a Tensor: numeric arrays, numbers, and nested lists of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import get_default_dtype, recorder
from minigrad.errors import DTypeError, ShapeError

F = TypeVar("F", bound=Callable[..., Any])


class Stand:
    """The base of what may stand in an array's place inside a Tensor: the arrays that ``mg.compile`` records with.

    Such an array answers NumPy's protocols and has an array's attributes. ``np.asarray``, which knows arrays of its own
    kind only, would strip it; ``as_array`` and ``contiguous`` do not.
    """

    __slots__ = ()

    array: Any  # the real one

    def as_array(self) -> Any:
        """The same as an array, where it was a scalar."""
        raise NotImplementedError


def numpy_function(function: F) -> F:
    """A function on arrays that ``mg.compile`` records as one call, like a function of NumPy's.

    For what needs loops or buffers, or looks at the data, in forwards and adjoints. It is pure: it gives new arrays or
    views of its arguments, and writes into nothing that it did not make. The memory layout of what it gives depends on
    shapes and strides alone. And it stands by itself, since a printed program has its text: at the top level of a
    module, made of NumPy, constants and functions like itself. In place of recorded arrays it gets the real ones.
    ``__wrapped__`` is the plain function.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        recording = recorder()
        if recording is None:
            return function(*args, **kwargs)
        return recording.whole(call, args, kwargs)

    return call  # type: ignore[return-value]


def as_array(x: Any) -> Any:
    """``x`` as an array, unless it is one or stands for one: what forwards call instead of ``np.asarray``."""
    if type(x) is np.ndarray:
        return x
    return x.as_array() if isinstance(x, Stand) else np.asarray(x)


def contiguous(x: Any) -> Any:
    """``np.ascontiguousarray`` of an array with axes, or of what stands for one."""
    return x if x.flags.c_contiguous else x.copy()


def zeros(shape: Any, like: Any) -> Any:
    """Zeros of the dtype of ``like``, into which may be written what ``like`` was: a recorded array stays recorded."""
    return np.zeros_like(like, order="C", shape=shape) if isinstance(like, Stand) else np.zeros(shape, like.dtype)


def as_data(data: Any, dtype: DTypeLike | None = None) -> Any:
    """``data`` as a numeric array, or as a NumPy scalar when it is 0-d."""
    if isinstance(data, Stand):
        return data if dtype is None else data.astype(as_dtype(dtype), copy=False)  # type: ignore[attr-defined]
    known = isinstance(data, (np.ndarray, np.generic))
    if dtype is not None:
        dtype = as_dtype(dtype)
    try:
        array = np.asarray(data, dtype)
    except (ValueError, TypeError) as error:
        if dtype is None or not known:
            raise ShapeError(f"this is no rectangular array of numbers: {data!r:.60} ({error})") from None
        raise DTypeError(f"an array of dtype {data.dtype} does not become {dtype}: {error}") from None
    if array.dtype.kind not in "fiubc":
        raise DTypeError(f"a tensor holds numbers, got dtype {array.dtype} from {data!r:.60}")
    if not known and dtype is None and array.dtype.kind in "fiu" and not _holds_numpy(data):
        array = array.astype(get_default_dtype())
    return array if array.ndim else array[()]


def _holds_numpy(data: Any) -> bool:
    """Whether a (nested) list holds NumPy arrays or scalars, of which the dtype counts."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def as_dtype(dtype: DTypeLike) -> np.dtype:
    """A dtype of numbers by any of its names. Raises ``DTypeError`` for anything else."""
    try:
        return np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is no dtype: write 'float32', 'float64' or np.float32") from None


def require_floating(dtype: np.dtype) -> None:
    """Raise ``DTypeError`` for a dtype in which there are no gradients."""
    if dtype.kind != "f":
        raise DTypeError(
            f"only tensors of a floating dtype have a gradient, this one is {dtype}: write x.astype('float32') "
            "or mg.tensor(data, dtype='float32', requires_grad=True)"
        )


def detached(value: Any) -> Any:
    """``value`` with every Tensor in it, also inside tuples, lists and dicts, replaced by its data."""
    kind = type(value)
    if kind in (tuple, list):
        return kind(detached(item) for item in value)
    if kind is dict:
        return {key: detached(item) for key, item in value.items()}
    return value._data if hasattr(value, "_node") else value  # a Tensor, which is defined above this file


def alike(values: Iterable[Any]) -> list[Any]:
    """Arrays and Tensors as they are; Python's numbers among them, and lists of these, as arrays of their dtype.

    An array of Python's numbers would be float64, and promote the float32 that it is joined with.
    """
    items = list(values)
    known = [value.dtype for value in items if hasattr(value, "dtype")]
    weak = np.result_type(*known) if known else get_default_dtype()
    return [value if hasattr(value, "dtype") else _weakly(value, weak) for value in items]


def _weakly(value: Any, dtype: np.dtype) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(dtype) if dtype.kind in "fc" and array.dtype.kind in "fiu" else array
