"""Errors inside a function of the table, explained: its name, the shapes, the options, and a way out.

NumPy's errors say what is wrong with arrays; which of the calls in a model it was, they do not know.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minigrad.core.checks import flag
from minigrad.core.stands import NumberStand, Stand, shown
from minigrad.core.trees import mapped_all
from minigrad.errors import AxisError, BatchError, DTypeError, MinigradError, ShapeError
from minigrad.support.idioms import refuse_keywords
from minigrad.support.user_warnings import is_users

if TYPE_CHECKING:
    from minigrad.core.table import Op

#: A function that packs several arrays into one is called by the face of its name.
_PACKED = "packed_"
#: What NumPy and Python raise for operands that do not fit.
_OF_OPERANDS = (AttributeError, IndexError, TypeError, ValueError)


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
        chosen = dict(zip(op.statics, options, strict=True))
        _explain(op.name.removeprefix(_PACKED), op.forward, error, arrays, chosen)
        raise error
    finally:
        del error  # its traceback holds this frame, which must not hold it: a cycle would keep the arrays


def named(
    function: Callable[..., Any], with_more: Callable[[], Callable[..., Any] | None] = lambda: None
) -> Callable[..., Any]:
    """A function made of ops, such that what fails in it says its name, as it does in an op.

    An option under the name of another framework is refused with the line to write, and anything but True or False for
    an option that is annotated as one of them. A call with options that it does not have goes to ``with_more()``, what
    stands for the same function with all of NumPy's options.
    """
    kinds = getattr(function, "__annotations__", {})
    flagged = [name for name, kind in kinds.items() if kind == "bool" and name != "return"]
    places = function.__code__.co_varnames[: function.__code__.co_argcount] if flagged else ()
    flags = {name: places.index(name) if name in places else sys.maxsize for name in flagged}  # else by name alone

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            if flags:
                _check_flags(function.__name__, flags, args, options)
            return function(*args, **options)
        except BatchError as error:
            error.name(f"np.{function.__name__}" if hasattr(np, function.__name__) else function.__name__)
            raise
        except MinigradError as error:
            error.function = function.__name__
            _refuse_none(function, args, options)
            raise
        except Exception as error:
            if " has no option " in str(error):
                raise  # the table of idioms has said what to write
            signature = inspect.signature(function)
            if _is_misfit(error):
                unknown = [name for name in options if name not in signature.parameters]
                whole = with_more() if unknown else None
                if whole and inspect.signature(whole).parameters.keys() >= set(unknown):
                    return whole(*args, **options)
                if unknown:
                    refuse_keywords(function.__name__, unknown)
                raise  # Python says all of arguments that do not fit
            _refuse_none(function, args, options)
            bound = signature.bind(*args, **options).arguments
            arrays = [value for value in bound.values() if hasattr(value, "shape")]
            chosen = {n: v for n, v in bound.items() if not hasattr(v, "shape")}
            _explain(function.__name__, function, error, arrays, chosen)
            raise

    return call


def _refuse_none(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise ``DTypeError`` where what failed got None for a parameter without a default: that is why it failed."""
    if not any(value is None for value in (*args, *options.values())):
        return
    signature = inspect.signature(function)
    for name, value in signature.bind(*args, **options).arguments.items():
        p = signature.parameters[name]
        several = p.kind is p.VAR_POSITIONAL and any(each is None for each in value)
        if (value is None or several) and p.default is p.empty and "None" not in str(p.annotation):
            raise DTypeError(
                f"{function.__name__}: {name} is None: does the function that it came from return it?"
            ) from None


def _check_flags(owner: str, flags: dict[str, int], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise for what is neither True nor False: to Python every text is true, "no" as well."""
    for name, place in flags.items():
        value = options[name] if name in options else args[place] if place < len(args) else True
        if value is not True and value is not False and not isinstance(value, (Stand, NumberStand)):
            flag(owner, name, value)


def _is_misfit(error: Exception) -> bool:
    """Whether the call itself failed, before any line of the function ran."""
    return error.__traceback__ is None or error.__traceback__.tb_next is None


def _real(x: Any) -> Any:
    """The array itself for a recorded one, also inside a Tensor: nobody calculates with what an error shows."""
    data: Any = getattr(x, "_array", None)
    return type(x)(data.array) if hasattr(data, "array") else shown(x)


def _explain(name: str, function: Any, error: Any, arrays: list[Any], options: dict[str, Any]) -> None:
    """Raise what an error in this function means, or let it begin with its name."""
    users = _is_users(error, function)
    if hasattr(error, "function"):  # it has said what it is, further inside
        if not isinstance(error, MinigradError):
            _begin(error, name, users)
        error.function = name
        return
    shapes = " and ".join(str(np.shape(array)) for array in arrays)
    chosen = ", ".join(f"{option}={mapped_all(_real, value)!r:.60}" for option, value in options.items())
    what = name + (f" of shapes {shapes}" if arrays else "") + (f" with {chosen}" if chosen else "")
    if users:  # the user may wait for it, by its class
        _begin(error, what, users)
        error.function = name
        return
    dtypes = " and ".join(str(getattr(array, "dtype", type(array).__name__)) for array in arrays)
    operands = name + (f" of {dtypes}" if arrays else "") + (f" with {chosen}" if chosen else "")
    if any(array is None for array in arrays) and "NoneType" in str(error):
        raise DTypeError(f"{operands}: an operand is None: does the function that it came from return it?") from None
    if isinstance(error, ValueError) and _about_shapes(error):
        raise (AxisError if isinstance(error, IndexError) else ShapeError)(f"{what}: {_reason(name, error)}") from None
    if isinstance(error, IndexError) and "too many indices" in str(error):
        raise AxisError(f"{what}: {error}") from None
    if "to unpack" in str(error) or (isinstance(error, IndexError) and str(error) == "tuple index out of range"):
        raise AxisError(f"{what}: it asks for an axis that the array does not have") from None
    if isinstance(error, TypeError):
        raise DTypeError(f"{operands}: {_unfit(error, arrays)}") from None
    if isinstance(error, AttributeError):
        if "'shape'" in str(error):
            raise DTypeError(f"{name}: the forward of an op returns an array, or a NumPy scalar ({error})") from None
        for value in (*arrays, *options.values()):
            if f"'{type(value).__name__}' object" in str(error):
                raise DTypeError(f"{operands}: {value!r:.60} is of a type that it does not take ({error})") from None
    _begin(error, what, users)
    error.function = name


def _begin(error: Exception, with_what: str, users: bool) -> None:
    """Let the message of an error begin with these words; what a user's function raises has them as a note."""
    if list(map(type, error.args)) == [str] and not users:
        error.args = (f"{with_what}: {error.args[0]}",)
    else:
        error.add_note(f"in {with_what}")


def _is_users(error: Exception, function: Any) -> bool:
    """Whether a function of the user's raised it that this one calls, or this one, if it is the user's itself.

    In that one it may also be NumPy's, of the operands, where the class is one of NumPy's.
    """
    own = getattr(function, "__code__", None)
    places = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if is_users(frame)]
    return any(frame.f_code is not own for frame in places) or (bool(places) and type(error) not in _OF_OPERANDS)


def _about_shapes(error: ValueError) -> bool:
    """Whether NumPy complains of a shape: it has one exception for that and for much else."""
    words = ("shape", "broadcast", "dimension", "axis", "axes", "size", "sequence", "array")
    return any(word in str(error).lower() for word in words)


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
    match = re.search(r"ufunc '(\w+)' (not supported|did not contain)", str(error))
    ufunc = match and next((f for f in (_public("numpy", match[1]), _public("scipy.special", match[1])) if f), None)
    if not ufunc:
        return str(error)
    kinds = [array.dtype.kind if hasattr(array, "dtype") else np.asarray(array).dtype.kind for array in arrays]
    if "c" in kinds and not any("D" in loop for loop in ufunc.types):
        return "it is of real numbers: take the real, imag or abs of a complex operand first"

    def likeness(loop: str) -> tuple[int, int]:
        taken = [np.dtype(code) for code in loop.split("->", maxsplit=1)[0]]
        return sum(d.kind == kind for d, kind in zip(taken, kinds, strict=False)), sum(d.itemsize == 8 for d in taken)

    taken = max((loop for loop in ufunc.types if not {*"OmM"} & {*loop}), key=likeness).split("->")[0]
    return f"write astype: it takes {' and '.join(np.dtype(code).name for code in taken)}, for instance"


def _public(module: str, name: str) -> np.ufunc | None:
    function = getattr(sys.modules.get(module), name, None)
    return function if isinstance(function, np.ufunc) else None
