"""Errors inside a function of the table, explained: its name, the shapes, the options, and a way out.

NumPy's errors say what is wrong with arrays; which of the calls in a model it was, they do not know.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minigrad.core.idioms import refuse_keywords
from minigrad.core.trees import mapped_all
from minigrad.errors import AxisError, BatchError, DTypeError, MinigradError, ShapeError

if TYPE_CHECKING:
    from minigrad.core.table import Op

#: A function that packs several arrays into one is called by the face of its name.
_PACKED = "packed_"


def real_only(op: Op) -> NoReturn:
    """Raise for a complex tensor in an op whose formulas, or which itself, is of real numbers."""
    name = op.name.removeprefix(_PACKED)
    what = name if op.real else f"the gradient formula of {name}"
    raise DTypeError(f"{what} is of real numbers, and the tensor given is complex: take its real, imag or abs first")


def explain(op: Op, error: Exception, arrays: list[Any], options: list[Any]) -> NoReturn:
    """Raise what a failure inside a forward function means: the op, the shapes, the options and a way out."""
    if op.real and any(getattr(getattr(array, "dtype", None), "kind", "f") == "c" for array in arrays):
        real_only(op)
    try:
        _explain(op.name.removeprefix(_PACKED), error, arrays, dict(zip(op.statics, options, strict=True)))
    finally:
        del error  # its traceback holds this frame, which must not hold it: a cycle would keep the arrays


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function made of ops, such that what fails in it says its name, as it does in an op.

    An option under the name of another framework is refused with the line to write.
    """

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except BatchError as error:
            error.name(f"np.{function.__name__}" if hasattr(np, function.__name__) else function.__name__)
            raise
        except MinigradError:
            raise
        except Exception as error:
            if hasattr(error, "__notes__") or " has no option " in str(error):
                raise  # an op has said what it is, or the table of idioms what to write
            signature = inspect.signature(function)
            if _is_misfit(error):
                unknown = [name for name in options if name not in signature.parameters]
                if unknown:
                    refuse_keywords(function.__name__, unknown)
                raise  # Python says all of arguments that do not fit
            given = signature.bind(*args, **options).arguments
            arrays = [value for value in given.values() if hasattr(value, "shape")]
            _explain(function.__name__, error, arrays, {n: v for n, v in given.items() if not hasattr(v, "shape")})

    return call


def _is_misfit(error: Exception) -> bool:
    """Whether the call itself failed, before any line of the function ran."""
    return error.__traceback__ is None or error.__traceback__.tb_next is None


def _real(x: Any) -> Any:
    """A Tensor that holds a recorded array with the array itself: nobody calculates with what an error shows."""
    data: Any = getattr(x, "_array", None)
    return type(x)(data.array) if hasattr(data, "array") else x


def _explain(name: str, error: Exception, arrays: list[Any], options: dict[str, Any]) -> NoReturn:
    shapes = " and ".join(str(np.shape(array)) for array in arrays)
    shown = ", ".join(f"{option}={mapped_all(_real, value)!r:.60}" for option, value in options.items())
    what = name + (f" of shapes {shapes}" if arrays else "") + (f" with {shown}" if shown else "")
    dtypes = " and ".join(str(getattr(array, "dtype", type(array).__name__)) for array in arrays)
    if any(array is None for array in arrays) and (arrays[0] is None or "NoneType" in str(error)):
        given = "an operand is None: does the function that it came from return its result?"
        raise DTypeError(f"{name} of {dtypes}: {given}") from None
    if isinstance(error, ValueError) and not isinstance(error, MinigradError) and _about_shapes(error):
        raise (AxisError if isinstance(error, IndexError) else ShapeError)(f"{what}: {_reason(name, error)}") from None
    if isinstance(error, IndexError) and "too many indices" in str(error):
        raise AxisError(f"{what}: {error}") from None
    if isinstance(error, IndexError) and str(error) == "tuple index out of range":
        raise AxisError(f"{what}: it asks for an axis that the array does not have") from None
    if isinstance(error, TypeError) and not isinstance(error, MinigradError):
        given = (f" of {dtypes}" if arrays else "") + (f" with {shown}" if shown else "")
        raise DTypeError(f"{name}{given}: {_unfit(error, arrays)}") from None
    if isinstance(error, AttributeError) and "'shape'" in str(error):
        raise DTypeError(f"{name}: the forward of an op returns an array, or a NumPy scalar ({error})") from None
    if not isinstance(error, MinigradError):
        error.add_note(f"in {what}, dtypes {dtypes}")
    try:
        raise error
    finally:
        del error


def _about_shapes(error: ValueError) -> bool:
    """Whether NumPy complains of a shape: it has one exception for that and for much else."""
    words = ("shape", "broadcast", "dimension", "axis", "axes", "size", "sequence", "array")
    return any(word in str(error) for word in words)


def _reason(name: str, error: ValueError) -> str:
    if name == "linear":
        return (
            "the last axis of the input must equal the last axis of the weight, which is stored as (out_features, "
            "in_features); change in_features, or transpose or reshape the input"
        )
    if name == "matmul":
        return (
            "the last axis of the first must equal the second-to-last (for a vector: the only) axis of the second; "
            "write x @ w.T if the weight is stored as (out_features, in_features)"
        )
    if "broadcast" in str(error):
        return (
            "these do not broadcast: aligned at the right, each pair of sizes must be equal or hold a 1; "
            "reshape or expand_dims one of them"
        )
    return str(error)


def _unfit(error: TypeError, arrays: list[Any]) -> str:
    """The text of a TypeError; for a ufunc without a loop for these dtypes, the dtypes that it has."""
    found = re.search(r"ufunc '(\w+)' (not supported|did not contain)", str(error))
    ufunc = found and next((f for f in (_public("numpy", found[1]), _public("scipy.special", found[1])) if f), None)
    if not ufunc:
        return str(error)
    kinds = [np.asarray(getattr(array, "data", array)).dtype.kind for array in arrays]
    if "c" in kinds and not any("D" in loop for loop in ufunc.types):
        return "it is of real numbers: take the real, imag or abs of a complex operand first"

    def likeness(loop: str) -> tuple[int, int]:
        taken = [np.dtype(code) for code in loop.split("->", maxsplit=1)[0]]
        return sum(d.kind == kind for d, kind in zip(taken, kinds, strict=False)), sum(d.itemsize == 8 for d in taken)

    taken = max((loop for loop in ufunc.types if "O" not in loop), key=likeness).split("->")[0]
    return f"write astype: it takes {' and '.join(np.dtype(code).name for code in taken)}, for instance"


def _public(module: str, name: str) -> np.ufunc | None:
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, np.ufunc) else None
