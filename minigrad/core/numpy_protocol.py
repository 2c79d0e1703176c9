"""``np.f(tensor)``: what NumPy's protocols bring, as the call of an op, a plain answer, or a refusal."""

from __future__ import annotations

import functools
import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.inplace import seen, write_at
from minigrad.core.table import numpy_functions, path_of, standing_for, ufunc_methods, with_options, writers
from minigrad.core.trees import flat
from minigrad.errors import HyperparameterError, ShapeError, UnsupportedError

#: Comparisons, tests, searches and descriptions: integers, bools, strings and shapes come out.
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    operator.attrgetter(
        *"""
        equal not_equal less less_equal greater greater_equal isfinite isinf isnan isneginf isposinf signbit iscomplex
        isreal isclose allclose array_equal array_equiv isin logical_and logical_or logical_not logical_xor all any
        argmax argmin nanargmax nanargmin argsort argpartition lexsort argwhere nonzero flatnonzero count_nonzero
        searchsorted digitize shape ndim size result_type can_cast common_type min_scalar_type iscomplexobj isrealobj
        einsum_path linalg.matrix_rank diag_indices_from tril_indices_from triu_indices_from ix_ array_repr
        array_str array2string shares_memory may_share_memory
        """.split()
    )(np)
)


#: NumPy's second names for parameters.
_ALIASES = {"min": "a_min", "max": "a_max", "correction": "ddof", "newshape": "shape"}


def as_called(
    function: Callable[..., Any], known: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """A call of ``function``, NumPy's, as one of ``known``, which stands for it here, or of what takes more options.

    Options that nothing here has go when they are at rest, and raise ``UnsupportedError`` by name when they are not.
    """
    names, aligned, renamed = _signatures(function, known)
    if len(args) > aligned:
        args, kwargs = (), _bound(function, args, kwargs)
    for option in kwargs:  # the usual case is that the op has them all, and layers ask often
        if option not in names:
            break
    else:
        return known, args, kwargs
    if _passes_on(known):
        return known, args, kwargs
    if kwargs.get("out") is not None and "out" not in names and not isinstance(function, np.ufunc):
        writable(function, kwargs["out"])
        rest = {option: value for option, value in kwargs.items() if option != "out"}
        call, args, rest = as_called(function, known, args, rest)
        return functools.partial(_into, kwargs["out"], call), args, rest
    other_names = {**_ALIASES, **renamed}
    ours = {option if option in names else other_names.get(option, option): kwargs[option] for option in kwargs}
    active = [option for option, value in ours.items() if option not in names and not _at_rest(function, option, value)]
    if not active and len(ours) == len(kwargs):  # else an option was given by both of its names
        return known, args, {option: value for option, value in ours.items() if option in names}
    if isinstance(function, np.ufunc):
        return functools.partial(with_options[np.ufunc], function, known), args, kwargs
    whole = with_options.get(function)
    if whole is not None:
        taken = _parameters_of(whole)
        kwargs = {option: value for option, value in kwargs.items() if option in taken or option in active}
        if taken.issuperset(kwargs):
            return whole, args, kwargs
    if not active:
        raise HyperparameterError(f"{name_of(function)}: {', '.join(kwargs)} name one option twice: give it once")
    raise UnsupportedError(
        f"{name_of(function)}({active[0]}=...) has no gradient formula for tensors, which take "
        f"{', '.join(dict.fromkeys([*names, *(_parameters_of(whole) if whole else ()), 'out']))}: compute without it, "
        "or leave the graph on purpose with x.data"
    )


@functools.cache
def _passes_on(function: Callable[..., Any]) -> bool:
    """Whether a function takes options of any name, which belong to one that it calls."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


@functools.cache
def _parameters_of(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def writable(function: Callable[..., Any], out: Any) -> None:
    """Raise ``UnsupportedError`` unless ``out``, or each in a tuple, is a tensor, into which gradients follow."""
    for each in out if isinstance(out, tuple) else (out,):
        if each is not None and not hasattr(each, "_node"):
            raise UnsupportedError(
                f"{name_of(function)}(out=...) with a plain array would lose the gradient: write out=mg.zeros(shape), "
                "a tensor that is written in place, leave out= away, or leave the graph on purpose with x.data"
            )


def written(out: Any, result: Any) -> Any:
    """``out`` with a result in it, both tuples for a function of several results. Raises ``ShapeError``."""
    if isinstance(out, tuple) and not isinstance(result, tuple):
        (out,) = out
    if isinstance(out, tuple):
        return tuple([new if each is None else written(each, new) for each, new in zip(out, result, strict=True)])
    if np.shape(result) != out.shape:
        raise ShapeError(f"out= has the shape of the result, {np.shape(result)}, got {out.shape}")
    write_at(out, ..., result)
    return out


def _into(out: Any, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return written(out, call(*args, **options))


#: Options that say nothing of a tensor: it is no subclass of an array, and lies in the memory of the machine. What
#: ``overwrite_input`` leaves behind is undefined, so nothing may be.
_WITHOUT_EFFECT = frozenset({"subok", "overwrite_input", "device"})


def _at_rest(function: Callable[..., Any], option: str, value: Any) -> bool:
    """Whether an option has its default value."""
    if value is None or (option == "where" and value is True) or option in _WITHOUT_EFFECT:
        return True
    try:
        default = inspect.signature(function).parameters[option].default
    except (ValueError, KeyError):  # NumPy's C functions have no signature, and not every option is NumPy's
        return False
    return isinstance(value, (str, bool)) and value == default


@functools.cache
def _signatures(function: Callable[..., Any], known: Callable[..., Any]) -> tuple[tuple[str, ...], int, dict[str, str]]:
    """The parameters of ``known``, how many positional ones mean the same in ``function``, and their names there.

    Parameters without a default, the arrays, mean the same whatever they are called.
    """
    parameters = inspect.signature(known).parameters
    names = tuple(parameters)
    try:
        theirs = tuple(inspect.signature(function).parameters)
    except ValueError:  # NumPy's C functions have no signature: ours are written after their manual
        return names, sum([p.kind is not p.KEYWORD_ONLY for p in parameters.values()]), {}
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values()):
        return names, sys.maxsize, {}  # NumPy's function takes any number of arrays too
    if isinstance(function, np.ufunc):
        return names, function.nin, {}
    same = 0
    while same < min(len(names), len(theirs)) and (
        names[same] == theirs[same] or parameters[names[same]].default is parameters[names[same]].empty
    ):
        same += 1
    return names, same, dict(zip(theirs[:same], names[:same], strict=True))


def _bound(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Positional and keyword arguments by the names of NumPy's parameters."""
    try:
        bound = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
        return {**bound, **bound.pop("kwargs", {})}
    except ValueError:
        raise UnsupportedError(
            f"{name_of(function)} takes at most its first {len(args) - 1} arguments for tensors: out=, where= and "
            "dtype= have no gradient formula"
        ) from None


def name_of(function: Callable[..., Any]) -> str:
    """A function as it is written: np.linalg.svd, scipy.special.erf."""
    path = path_of(function)
    if path.startswith("scipy.special."):
        # Some of SciPy's functions are Python around a ufunc whose name begins with an underscore.
        name = path.removeprefix("scipy.special.")
        return f"scipy.special.{_AROUND.get(name, name.strip('_'))}"
    if "." not in path:
        return f"the ufunc {path}"
    # NumPy 2.0 names np.emath by the file that it lies in.
    return (
        path.replace("numpy", "np", 1).replace("np.lib._scimath_impl", "np.emath").replace("np.lib.scimath", "np.emath")
    )


#: The function around a private ufunc of SciPy, where it has another name.
_AROUND = {"_riemann_zeta": "zeta"}


def refuse_out(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise ``UnsupportedError`` when a function with a plain answer is to write it into a Tensor."""
    position = _position_of_out(function)
    outputs = (kwargs.get("out"), *args[position : position + 1])
    if any(hasattr(out, "_node") for out in (*outputs, *(outputs[0] if isinstance(outputs[0], tuple) else ()))):
        raise UnsupportedError(
            f"{name_of(function)}(out=...) does not write into a tensor: call it without out=, and write "
            "x[...] = result"
        )


@functools.cache
def _position_of_out(function: Callable[..., Any]) -> int:
    """Which positional argument is ``out``; of a ufunc NumPy gives it by keyword always."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return sys.maxsize
    if (
        isinstance(function, np.ufunc)
        or "out" not in parameters
        or parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY
    ):
        return sys.maxsize
    return [*parameters].index("out")


def without_op(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a NumPy function without an op does: it writes into a tensor in place, answers plainly, or is refused."""
    writer = writers.get(function)
    if writer is not None:
        target = args[0] if args else kwargs.get(next(iter(inspect.signature(writer).parameters)))
        if hasattr(target, "_node"):
            return writer(*args, **kwargs)
    return plain_answer(function, unknown(function), args, kwargs)


def plain_answer(
    function: Callable[..., Any], refusal: UnsupportedError, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """NumPy's own answer on tensors without a gradient. Raises the refusal where there is one."""
    if any(getattr(x, "_node", None) is not None for x in flat((args, kwargs))):
        raise refusal
    refuse_out(function, args, kwargs)
    return function(*_data(args), **_data(kwargs))


def _data(value: Any) -> Any:
    """``detached``, by way of ``data``, so that ``mg.compile`` sees what is read."""
    if type(value) in (tuple, list):
        return type(value)(_data(item) for item in value)
    if type(value) is dict:
        return {key: _data(item) for key, item in value.items()}
    return seen(value) if hasattr(value, "_node") else value


def unknown(function: Callable[..., Any]) -> UnsupportedError:
    """The refusal of a NumPy function without a formula, with the ways out."""
    path = name_of(function)
    if function in writers:
        return UnsupportedError(
            f"{path} into a plain array would lose the gradient: write mg.zeros(shape), or mg.full(shape, value), for "
            "the array, a tensor that is written in place; mg.index_set, mg.index_add or mg.where for a new tensor; or "
            "x.data to leave the graph on purpose"
        )
    way = "write it with operations that have one, register it with minigrad.primitive"
    if path == "scipy.special.zeta":  # of one argument it is another ufunc, which SciPy continues to x < 1
        way = "for x > 1 write mg.special.zeta(x)"
    return UnsupportedError(
        f"{path} has no gradient formula for tensors: {way}, or leave the graph on purpose with {path}(x.data)"
    )


def method_called(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.add.reduce(tensor)`` and the like. Raises ``UnsupportedError`` for what would lose a gradient."""
    whole = getattr(ufunc, method)
    if ufunc in FUNCTIONS and method != "at":
        refuse_out(whole, args, kwargs)
        return whole(*_data(args), **_data(kwargs))
    known, out = standing_for(ufunc), kwargs.pop("out", None)
    try:
        if known is None:
            raise UnsupportedError(f"{name_of(ufunc)}.{method} has no gradient formula for tensors: write x.data")
        if out is not None:
            writable(ufunc, out)
        z = ufunc_methods[method](ufunc, known, *args, **kwargs)
        return z if out is None else written(out, z)
    except UnsupportedError as error:
        if out is not None:
            kwargs["out"] = out
        return plain_answer(whole, error, args, kwargs)


class Protocols:
    """What NumPy asks of a Tensor among the arguments of its functions."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return method_called(ufunc, method, inputs, kwargs)
        return self.__array_function__(ufunc, (), inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        known = numpy_functions.get(function)
        if known is None and function in FUNCTIONS:  # np.shape and the like, of which layers ask often
            if len(args) == 1 and not kwargs:
                return function(detached(args[0]))
            refuse_out(function, args, kwargs)
            return function(*detached(args), **detached(kwargs))
        known = standing_for(function) if known is None else known
        if known is None:
            return without_op(function, args, kwargs)
        try:
            call, ours, options = as_called(function, known, args, kwargs)
            return call(*ours, **options)
        except UnsupportedError as error:
            return plain_answer(function, error, args, kwargs)
