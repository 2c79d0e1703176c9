"""Arrays that a step makes and fills with what it computes: ``rows = np.zeros((n, 3)); rows[i] = z``.

NumPy makes them of nothing that is recorded. So where a step writes into one, it is recorded once more, with another
NumPy in its place wherever a name of the step leads to it. Its ``zeros``, ``full``, ``asarray`` and the like are
written down, and what they give is new in each run.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards.code_names import imports_in
from minigrad.compiler.guards.read_tracking import Reads, standing
from minigrad.compiler.tracing.computed_indices import arrayed, has_stands, joined, stacked
from minigrad.compiler.tracing.numeric_arguments import real_of
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.context import recorder
from minigrad.core.conversion import alike
from minigrad.core.stands import NumberStand, Stand
from minigrad.core.tensor import Tensor
from minigrad.core.trees import flat

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: Functions of NumPy that make a new array, of nothing that is recorded.
_MAKING = tuple(
    """
    zeros ones empty full eye identity tri arange linspace logspace array copy zeros_like ones_like empty_like full_like
    tile repeat
    """.split()
)

#: Those that fill it with a number, and those that calculate with numbers alone.
_FILLING, _BETWEEN = (np.full, np.full_like), (np.linspace, np.logspace)

#: How their first arguments are called.
_NAMES = {np.full: ("shape", "fill_value"), np.full_like: ("a", "fill_value")} | dict.fromkeys(
    _BETWEEN, ("start", "stop")
)

#: Functions that give the very array where it is as it is wanted.
_TAKING = ("asarray", "asanyarray", "ascontiguousarray")


#: Functions of a list, ``a`` by name, which becomes one array.
_REDUCING = tuple(
    """
    sum prod mean std var max min amax amin median average percentile quantile ptp argmax argmin sort argsort cumsum
    cumprod any all nanmean nansum nanmax nanmin nanstd
    """.split()
)

#: Other functions of lists: which of their arguments may be numbers, or lists with numbers.
_JOINING = {
    "diff": (0,),
    "dot": (0, 1),
    **dict.fromkeys(("append", "atleast_1d"), (0, 1)),
    **dict.fromkeys("concatenate hstack vstack dstack column_stack stack block".split(), (0,)),
    **dict.fromkeys("atleast_2d atleast_3d broadcast_to diag".split(), (0,)),
    "insert": (0, 2),
}


@contextmanager
def making(reach: Reach, lifts: bool) -> Iterator[None]:
    """Inside, arrays that the step makes are recorded, where ``lifts`` says so."""
    if not lifts:
        yield
        return
    stands = _stands()
    places = [(Reads("", x, reach.holders[id(x)]), stand) for x, stand in stands if id(x) in reach.holders]
    own = {id(function.__globals__) for function in reach.functions}
    imports: Any = builtins.__import__

    def imported(name: str, names: Any = None, *rest: Any) -> Any:
        """``import numpy`` inside of a function of the step."""
        module = imports(name, names, *rest)
        return stands[0][1] if module is np and recorder() is not None and id(names) in own else module

    in_step = any(key.partition(".")[0] == "numpy" for x in reach.functions for key in imports_in(x.__code__))
    with standing(places):
        try:
            if in_step:
                vars(builtins)["__import__"] = imported
            yield
        finally:
            if in_step:
                vars(builtins)["__import__"] = imports


def _stands() -> list[tuple[Any, Any]]:
    """NumPy and its functions that make arrays, each with what stands for it."""
    stands = {name: _anew(getattr(np, name.replace("empty", "zeros"))) for name in _MAKING}
    stands |= {name: _joined(getattr(np, name), places) for name, places in _JOINING.items()}
    stands |= {name: _reduced(getattr(np, name)) for name in _REDUCING}
    stands |= {name: _taken(getattr(np, name), stands["array"]) for name in _TAKING}
    numpy = ModuleType("numpy")
    vars(numpy).update(vars(np) | stands)
    return [(np, numpy), *[(getattr(np, name), stand) for name, stand in stands.items()]]


def _anew(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes an array: in each run of the program it is as new as in the step, and can be written."""

    def made(*args: Any, **kwargs: Any) -> Any:
        names = _NAMES.get(function, ())
        while len(args) < len(names) and names[len(args)] in kwargs:
            args = (*args, kwargs.pop(names[len(args)]))
        if function in (np.repeat, np.tile) and has_stands(args[:1]):
            return function(joined(args[0]), *args[1:], **kwargs)
        if function in _FILLING and len(args) > 1 and isinstance(args[1], Tensor):
            args = args[0], arrayed(args[1]), *args[2:]
        is_recorded = recorder() is not None and any(isinstance(x, (Stand, NumberStand)) for x in flat(args))
        if is_recorded and function is np.array and not kwargs.keys() - {"dtype"}:
            return np.copy(stacked(*args, **kwargs))
        if is_recorded and function in _FILLING and len(args) > 1:
            array = np.zeros_like(function(_sample(args[0]), _sample(args[1]), *args[2:], **kwargs))
            new = written_down(array)
            new[...] = args[1]
            return new
        if is_recorded and function in _BETWEEN:
            return function(*map(arrayed, args[:2]), *args[2:], **kwargs)
        array = function(*args, **kwargs)
        is_one = type(array) is np.ndarray and array.dtype != object and "copy" not in kwargs
        return written_down(array) if is_one and recorder() is not None else array

    return made


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a list, with one recorded array in the place of arrays and numbers of the step."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not args and "a" in kwargs:
            args = (kwargs.pop("a"),)
        if recorder() is not None and args and has_stands(args[0]):
            args = (stacked(args[0]), *args[1:])
        return function(*args, **kwargs)

    return called


def _joined(function: Callable[..., Any], places: tuple[int, ...]) -> Callable[..., Any]:
    """A function of lists, with recorded arrays in the places of numbers of the step."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if recorder() is not None:
            given = [args[i] for i in places if i < len(args)]
            beside_tensors = any(isinstance(x, Tensor) for x in given)  # whose dtype the numbers take
            new = iter(alike(given) if beside_tensors else [joined(x) if has_stands(x) else x for x in given])
            args = tuple([next(new) if i in places else x for i, x in enumerate(args)])
        return function(*args, **kwargs)

    return called


def written_down(array: np.ndarray) -> Any:
    """A new array of the step: what it holds is the same in each run."""
    recording = recorder()
    new = recording.call(np.copy, (array,), {})
    recording.constants.add(new.value)
    return new


def _sample(x: Any) -> Any:
    """A real number or array of the kind that ``x`` stands for."""
    return x.array if isinstance(x, Recorded) else real_of(x)


def _taken(function: Callable[..., Any], maker: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gives the very array, if it can: of one that is recorded, the recorded one."""

    def taken(a: Any, dtype: Any = None, *rest: Any, **named: Any) -> Any:
        data = a.data if isinstance(a, Tensor) and a._node is None else a
        if type(data) is not Recorded or recorder() is None or rest or named:
            if isinstance(a, (list, tuple, NumberStand)) and not rest and not named:
                return maker(a) if dtype is None else maker(a, dtype)
            return function(a, dtype, *rest, **named)
        if dtype is not None and np.dtype(dtype) != data.dtype:
            return data.astype(dtype)
        data = data.as_array()
        is_one = function is not np.ascontiguousarray or data.flags.c_contiguous
        return data if is_one else np.copy(data, order="C")

    return taken
