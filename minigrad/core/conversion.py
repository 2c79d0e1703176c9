"""Data of Tensors: numeric arrays, numbers, and nested lists of them."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.context import get_default_dtype, recorder
from minigrad.core.stands import NumberStand, Stand
from minigrad.core.table import Op, ops
from minigrad.core.trees import flat
from minigrad.errors import DTypeError, MinigradError, ShapeError


def as_array(x: Any) -> Any:
    """``x`` as an array, unless it is one or stands for one: what forwards call instead of ``np.asarray``.

    Raises ``DTypeError`` for what would lose something as a plain array, such as a mask.
    """
    if type(x) is np.ndarray:
        return x
    if isinstance(x, Stand):
        return x.as_array()
    if x is None:
        raise DTypeError(NOTHING)
    return np.asarray(x if type(x) in PLAIN else familiar(x))


#: What is said of None in the place of an array, which NumPy takes for an object of shape ().
NOTHING = "a tensor holds numbers, got None: does the function that it came from return it?"


def contiguous(x: Any) -> Any:
    """``np.ascontiguousarray`` of an array with axes, or of what stands for one."""
    return x if x.flags.c_contiguous else x.copy()


def read_only(array: np.ndarray) -> np.ndarray:
    """The array, locked, because one serves many callers."""
    array.flags.writeable = False
    return array


def zeros(shape: Any, like: Any) -> Any:
    """Zeros of the dtype of ``like``, into which may be written what ``like`` was: a recorded array stays recorded."""
    return np.zeros_like(like, order="C", shape=shape) if isinstance(like, Stand) else np.zeros(shape, like.dtype)


_NUMERIC = "fiubc"  # the kinds of dtypes that are of numbers


def _no_numbers(data: np.ndarray) -> list[Any]:
    """Items that a dtype would turn into numbers, though they are none: NumPy makes NaN of None, and reads strings."""
    if data.dtype.kind in _NUMERIC:
        return []
    if data.dtype.kind != "O":
        return list(data.reshape(-1)[:1].tolist())
    return [item for item in data.flat if not isinstance(item, (numbers.Number, np.bool_))]


def numbers_of(x: Any, dtype: DTypeLike | None = None) -> np.ndarray:
    """``np.asarray(x, dtype)`` of an array or lists.

    Raises ``DTypeError`` where that makes numbers of other things, or real numbers of complex ones.
    """
    array = np.asarray(x)
    others = _no_numbers(array)
    if others:
        raise DTypeError(f"numbers are expected here, got {others[0]!r:.30}" + (f" in {x!r:.60}" if array.ndim else ""))
    if dtype is not None and array.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise DTypeError(f"real numbers are expected here, got {x!r:.60}: take its real, imag or abs first")
    return array if dtype is None else array.astype(dtype, copy=False)


def as_data(data: Any, dtype: DTypeLike | None = None) -> Any:
    """``data`` as a numeric array, or as a NumPy scalar when it is 0-d."""
    if isinstance(data, Stand):
        if type(data.array) in (float, int) and dtype is None:  # a number of Python's that was drawn
            dtype = get_default_dtype()
        if type(data.array) in (float, int):
            data = data.as_array()
        return data if dtype is None else data.astype(as_dtype(dtype), copy=False)
    if type(data) not in PLAIN:
        number = data.arrayed() if isinstance(data, NumberStand) else _stacked(data)
        if isinstance(number, Stand):
            return number.astype(get_default_dtype() if dtype is None else as_dtype(dtype))
        if data is None:
            raise DTypeError(NOTHING)
        data = familiar(data)
    known = isinstance(data, (np.ndarray, np.generic))
    if dtype is not None:
        dtype = as_dtype(dtype)
    try:
        array = np.asarray(data, dtype)
    except (ValueError, TypeError) as error:
        if dtype is not None and dtype.kind != "c" and is_complex(data):
            raise DTypeError(f"complex numbers do not become {dtype}, got {data!r:.60}: take the real part") from None
        if dtype is None or not known:
            raise ShapeError(f"this is no rectangular array of numbers: {data!r:.60} ({error})") from None
        raise DTypeError(f"an array of dtype {data.dtype} does not become {dtype}: {error}") from None
    source = array if dtype is None else data if known else np.asarray(data)
    if array.dtype.kind not in _NUMERIC:
        raise DTypeError(f"a tensor holds numbers, got dtype {source.dtype} from {data!r:.60}")
    others = [] if dtype is None else _no_numbers(source)
    if others:
        raise DTypeError(f"a tensor holds numbers, got {others[0]!r:.30} in {data!r:.60}")
    if not known and dtype is None and array.dtype.kind in "fiuc" and not _holds_numpy(data):
        array = array.astype(complex_default() if array.dtype.kind == "c" else get_default_dtype())
    return array if array.ndim else array[()]


def is_complex(data: Any) -> bool:
    """Whether an array, a number or nested lists of them hold complex numbers."""
    return any(isinstance(x, complex) or getattr(getattr(x, "dtype", None), "kind", "") == "c" for x in flat(data))


def complex_default() -> np.dtype:
    """The default dtype of complex numbers: a pair of numbers of the default dtype, at least complex64."""
    return np.result_type(get_default_dtype(), np.complex64)


def _stacked(data: Any) -> Any:
    """A list with numbers of a step that is recorded, as a recorded array; None for other objects."""
    if recorder() is None or not isinstance(data, (list, tuple)):
        return None
    items = list(flat(data))
    stand = next((x for x in items if isinstance(x, (NumberStand, Stand))), None)
    is_of_numbers = all(isinstance(x, (NumberStand, Stand)) or type(x) in (int, float, bool) for x in items)
    return stand.stacked(data) if stand is not None and is_of_numbers else None


# -- the door for what is no array, number or Tensor ---------------------------------------------

# What holds numbers alone becomes a plain array of them. What carries more than its numbers, a mask, the graph of
# another library, arithmetic of its own, is refused by name: in a Tensor it would be lost, or come up where nobody
# looks for it.

#: What an op takes as it is. All else comes through ``operand``. Python's complex numbers do too: their operators turn
#: a NumPy scalar into a Python number. None is one more where an argument may be left out.
PLAIN = frozenset(
    {np.ndarray, bool, int, float, np.bool_, np.float16, np.float32, np.float64, np.longdouble}
    | {np.complex64, np.complex128, np.clongdouble, *(np.dtype(code).type for code in "bBhHiIlLqQ")}
)

#: In what a subclass of NumPy's array differs when it calculates in its own way, as np.matrix does.
_ARITHMETIC = ("__add__", "__mul__", "__matmul__", "__array_ufunc__", "__array_function__")


class OptedOutError(DTypeError):
    """An operand that takes no part in NumPy's functions (``__array_ufunc__ = None``): it knows itself what to do."""


def operand(op: Op, x: Any, company: tuple[Any, ...] = ()) -> tuple[Any, Any, bool]:
    """An operand as an array or number, the node that leads on from it, and whether there was a Tensor in it.

    A list with Tensors in it is their stack. One of numbers has the dtype that each number would have among the other
    operands, ``company``. Raises ``DTypeError`` for what would lose something as a plain array.
    """
    if isinstance(x, (Stand, int, float, complex)):
        return x, None, False
    if x is None:
        raise DTypeError(f"{op.name} of NoneType: an operand is None: does the function that it came from return it?")
    try:
        if isinstance(x, (list, tuple)):
            x, tensors = (x, False) if _stacked(x) is not None else _looked_through(x)
            if tensors:
                joined = ops["stack"](*x)
                return joined._array, joined._node, True
            return _among(x, company), None, False
        return as_data(x), None, False
    except OptedOutError:
        raise
    except (DTypeError, ShapeError) as error:
        raise type(error)(f"{op.name}: {error}") from error.__cause__


_BOOL = np.dtype(bool)


def _among(values: Any, company: tuple[Any, ...]) -> Any:
    """A list without Tensors as an array: its numbers do not promote the arrays in ``company``, nor lose digits."""
    array, stand = as_data(values), _stacked(values)
    if array.dtype.kind not in "fc" or _holds_numpy(values):
        return array

    def cast(dtype: Any = None) -> Any:
        """NumPy's array of the very numbers."""
        return np.asarray(values, dtype) if stand is None else stand if dtype is None else stand.astype(dtype)

    dtypes = [x.dtype for x in company if getattr(x, "dtype", _BOOL) != _BOOL]  # a mask says nothing of numbers
    floating = [dtype for dtype in dtypes if dtype.kind in "fc"]
    if floating:
        real = np.finfo(np.result_type(*floating)).dtype
        return cast(np.result_type(real, np.complex64) if array.dtype.kind == "c" else real)
    return cast() if dtypes else array  # beside integers they are what NumPy makes of them


def _looked_through(values: Any) -> tuple[Any, bool]:
    """A (nested) list with plain arrays for those of other libraries, and whether there is a Tensor in it."""
    if PLAIN.issuperset(map(type, values)):
        return values, False
    tensors, items = False, []
    for value in values:
        item = value
        if isinstance(value, (list, tuple)):
            item, inside = _looked_through(value)
            tensors = tensors or inside
        elif hasattr(value, "_node"):
            tensors = True
        elif type(value) not in PLAIN:
            item = familiar(value)
        items.append(item)
    return items, tensors


def familiar(x: Any) -> Any:
    """The numbers of any array as one of NumPy's. Raises ``DTypeError`` where that loses something."""
    kind = type(x)
    if kind is list or kind is tuple:
        return _looked_through(x)[0]
    if isinstance(x, Stand) or hasattr(x, "_node"):  # a Tensor has its own answer
        return x
    if issubclass(kind, NumberStand):
        return x.take()
    if isinstance(x, (list, tuple)):
        return _looked_through(x)[0]
    if getattr(kind, "__array_ufunc__", kind) is None:
        raise OptedOutError(f"{_kind_name(kind)} takes no part in NumPy's functions (__array_ufunc__ is None)")
    if kind.__module__.partition(".")[0] in _AROUND_ARRAYS:
        raise OptedOutError(
            f"{_kind_name(kind)} holds an array and the names of its axes, and calculates with tensors itself: write "
            "tensor * x, with Python's operator, or np.asarray(x) for the numbers alone"
        )
    more = _more_than_numbers(x)
    if more:
        raise DTypeError(f"{_kind_name(kind)} is no operand for tensors: {more}")
    if isinstance(x, np.generic):
        return x
    try:
        if not hasattr(x, "__array__"):
            return _lent(x)
        array = np.asarray(x)
    except MinigradError:
        raise
    except Exception as error:
        raise DTypeError(f"{_kind_name(kind)} is no array of numbers: {error}") from error
    if array.dtype.kind not in "fiubc":
        raise DTypeError(f"a tensor holds numbers, got {_kind_name(kind)}, which is an array of dtype {array.dtype}")
    return array


#: Libraries whose objects hold an array of any kind, and the names of its axes, which a Tensor would lose.
_AROUND_ARRAYS = frozenset({"xarray"})

#: What DLPack calls the memory that NumPy can read.
_CPU = 1


def _lent(x: Any) -> Any:
    """The memory that an object without ``__array__`` lends out, as an array; any other object as it is."""
    if isinstance(x, (str, bytes)):  # a buffer that is text
        return x
    interface = getattr(x, "__array_interface__", None)
    if isinstance(interface, dict) and interface.get("mask") is not None:
        raise DTypeError(
            f"{_kind_name(type(x))} has a mask, which would be lost: write its numbers and its mask as two arrays"
        )
    if interface is not None or hasattr(x, "__array_struct__"):
        return np.asarray(x)
    if hasattr(x, "__dlpack__"):
        if x.__dlpack_device__()[0] != _CPU:
            raise DTypeError(f"{_kind_name(type(x))} lies in the memory of another device: copy it to the CPU first")
        return np.from_dlpack(x)
    try:
        memoryview(x)
    except TypeError:
        return x
    return np.asarray(x)


def _kind_name(kind: type) -> str:
    library = kind.__module__.partition(".")[0]
    return f"{library}.{kind.__name__}" if library != "builtins" else kind.__name__


def _more_than_numbers(x: Any) -> str:
    """The error for an ``x`` that holds more than numbers, with the way to write it; "" where it holds no more."""
    masked, sparse = sys.modules.get("numpy.ma"), sys.modules.get("scipy.sparse")
    if masked is not None and isinstance(x, masked.MaskedArray):
        if not masked.is_masked(x):
            return ""
        return (
            "its mask would be lost. Write x.filled(0) for the numbers and x.mask for the mask, two plain arrays, and "
            "mg.where(mask, 0, value) in the formula, or leave out what is masked: x.compressed()"
        )
    if isinstance(x, np.ndarray) and any(
        getattr(type(x), name) is not getattr(np.ndarray, name) for name in _ARITHMETIC
    ):
        return "it calculates in its own way, as np.matrix does with *. Write np.asarray(x)"
    if getattr(x, "requires_grad", False) is True or getattr(x, "constant", True) is False:
        return "it belongs to the graph of another library, and its gradient would end here. Write x.detach().numpy()"
    if sparse is not None and sparse.issparse(x):
        return "it is sparse. Write x.toarray(), or import minigrad.sparse, for products by @"
    return ""


def _holds_numpy(data: Any) -> bool:
    """Whether a (nested) list holds NumPy arrays or scalars, whose dtype counts."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return hasattr(data, "dtype")


def as_dtype(dtype: DTypeLike) -> np.dtype:
    """A dtype of numbers by any of its names. Raises ``DTypeError`` for anything else."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is no dtype: write 'float32', 'float64' or np.float32") from None
    if known.kind not in _NUMERIC:
        raise DTypeError(
            f"a tensor holds numbers, which are not of dtype {known}: write 'float32', or take x.data for a plain array"
        )
    return known


def dtype_or_default(dtype: DTypeLike | None) -> np.dtype:
    """The dtype of this name, or the package's where none is given. Raises ``DTypeError`` for anything else."""
    return as_dtype(get_default_dtype() if dtype is None else dtype)


def require_floating(dtype: np.dtype) -> None:
    """Raise ``DTypeError`` for a dtype in which there are no gradients."""
    if dtype.kind not in "fc":
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
    return value._array if hasattr(value, "_node") else value  # a Tensor, which is defined above this file


def alike(values: Iterable[Any]) -> list[Any]:
    """Arrays and Tensors as they are; Python's numbers among them, and lists of these, as arrays of their dtype.

    An array of Python's numbers would be float64, and promote the float32 that it is joined with.
    """
    items = list(values)
    known = [value.dtype for value in items if hasattr(value, "dtype")]
    weak = np.result_type(*known) if known else get_default_dtype()
    return [value if hasattr(value, "dtype") else _weakly(value, weak) for value in items]


def _weakly(value: Any, dtype: np.dtype) -> Any:
    stand = value.arrayed() if isinstance(value, NumberStand) else _stacked(value)
    if stand is None and isinstance(value, (list, tuple)):
        value, tensors = _looked_through(value)
        if tensors:
            return ops["stack"](*value)
    array = numbers_of(value) if stand is None or stand is value else stand
    return array.astype(dtype) if dtype.kind in "fc" and array.dtype.kind in "fiu" else array
