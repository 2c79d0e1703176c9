"""Arrays of a dataset, with a sample in each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.context import get_default_dtype
from minigrad.core.conversion import PLAIN, as_array, familiar
from minigrad.core.detachment import leaves_in_passing
from minigrad.core.inplace import seen
from minigrad.core.tensor import Tensor
from minigrad.errors import DataError, DTypeError

DATA = (
    "a tensor that requires a gradient became data of a dataset or batch, which is plain arrays, and its gradient "
    "ends there: compute it from the batch inside the loop, or write x.detach() to leave the graph on purpose"
)


def as_column(values: Any) -> np.ndarray:
    """``values`` as an array with a sample in each row, not copied where that can be avoided.

    Arrays (also memory-mapped ones, which are not read, and those of other libraries), tensors and pandas frames
    and series keep their dtype. In lists, floats become the default dtype, and ints stay ints: they may be labels.
    A tensor in a graph leaves it, with a ``DetachWarning``.

    Raises ``DTypeError`` for what is not numeric and ``DataError`` for a single number or a ragged list.
    """
    array: np.ndarray
    if isinstance(values, Tensor):
        array = numbers_of(values)
    elif isinstance(values, np.ndarray):
        array = np.asarray(as_array(values))  # a view of a memory map gives plain arrays when it is sliced
    elif hasattr(values, "to_numpy"):
        array = _of_frame(values)
    elif isinstance(values, (list, tuple)):
        array = _of_list(values)
    elif hasattr(values, "__array__") and not isinstance(values, np.generic):
        array = as_array(values)
    else:
        familiar(values)  # has its own answer for what is known, such as sparse matrices
        raise DTypeError(
            f"a dataset is made of arrays, lists, tensors or pandas frames, got {type(values).__name__}: {values!r:.60}"
        )
    if array.dtype.kind not in "biufc":
        raise DTypeError(
            f"a dataset holds numbers, got dtype {array.dtype}; for classes that are given by their names write "
            "names, labels = np.unique(values, return_inverse=True); of texts, number the words (docs/own-csv.md)"
        )
    if not array.ndim:
        raise DataError(f"an array of a dataset has a sample in each row, got the single number {array[()]!r}")
    return array


def numbers_of(value: Any) -> Any:
    """A Tensor as an array, out of its graph, which is said; anything else in terms of NumPy."""
    if not isinstance(value, Tensor):
        return value if type(value) in PLAIN else familiar(value)
    if value.requires_grad:
        leaves_in_passing(DATA)
    return seen(value)


def _of_list(values: Any) -> np.ndarray:
    try:
        array = np.asarray([numbers_of(value) for value in values])
    except (ValueError, TypeError) as error:
        raise DataError(f"this is no rectangular array of numbers: {values!r:.60} ({error})") from None
    made_by_numpy = array.dtype == np.float64 and not any(hasattr(value, "dtype") for value in values)
    return array.astype(get_default_dtype()) if made_by_numpy else array


def _of_frame(frame: Any) -> np.ndarray:
    """A pandas frame or series (or what has its methods); the package itself need not be imported for that."""
    array = np.asarray(frame.to_numpy())
    if array.dtype.kind not in "biufc" and hasattr(frame, "columns"):
        dtypes = {str(name): dtype for name, dtype in zip(frame.columns, frame.dtypes, strict=True)}
        odd = [f"{name!r} ({dtype})" for name, dtype in dtypes.items() if getattr(dtype, "kind", "O") not in "iufc"]
        raise DTypeError(
            f"columns that are not all numbers: {', '.join(odd) or dtypes}; write frame['name'].cat.codes or "
            "pandas.get_dummies(frame) for classes, frame.astype('float32') for the rest, and fill missing values"
        )
    return array
