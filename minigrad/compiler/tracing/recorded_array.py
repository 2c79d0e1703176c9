"""``Recorded``: an array that computes for real and writes down the NumPy calls.

It stands inside a Tensor while a step runs as it is written. Operators, NumPy's functions and an array's methods on it
run at once on the real array, and enter the program. Shapes and dtypes are answered as they are: a program holds for
one set of them. What would take a number out of the arithmetic (``float(loss)``, ``if loss > 1``) is refused with the
line.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.program import ARGUMENT, Value
from minigrad.compiler.tracing import computed_indices
from minigrad.compiler.tracing.copied_parts import CopiedPart
from minigrad.core.library_calls import instead
from minigrad.core.stands import Stand, give_operators
from minigrad.errors import CompileError

#: Functions that answer with shapes and dtypes, which are the same in every run of a program.
_DESCRIPTIONS = frozenset(
    getattr(np, name)
    for name in """
    shape ndim size result_type can_cast common_type iscomplexobj isrealobj
    may_share_memory shares_memory
    """.split()
)

#: Functions whose results have a shape that depends on the numbers, and those that depend on their second argument.
_REPEATING = frozenset({np.repeat, np.delete})
_DATA_SHAPED = frozenset(
    getattr(np, name)
    for name in """
    nonzero argwhere flatnonzero unique extract compress trim_zeros bincount
    histogram union1d intersect1d setdiff1d
    """.split()
)

#: Functions that write into their first argument.
_IN_PLACE = frozenset({np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask})


#: A number that is computed in the step, where Python wants its digits.
_REWRITE = (
    "return it from the compiled function, and look at it there; what arguments alone give, work out before the call; "
    "arithmetic and list.append of x.item() and float(x) may stay"
)
#: One that is used when its recording is over.
LEFT = (
    "an array of a recorded step left it in another way than as its result (an attribute, a closure), and is used here",
    "return it from the compiled function instead, by itself or in a tuple, list, dict or dataclass",
)
LEAVING = ("a number is taken out of the step into Python, where later runs would not see it change", _REWRITE)


def number_of(x: Any) -> Any:
    """The only element of an array as a number of Python's."""
    return np.asarray(x).item()


def _binary(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def method(self: Recorded, other: Any) -> Any:
        kind = type(other)
        if hasattr(other, "_node") or is_batched(kind) or getattr(kind, "__array_ufunc__", other) is None:
            return NotImplemented  # they know what to do, or take no part in NumPy's functions
        return self.recording.call(function, (self, other), {})

    def turned(self: Recorded, other: Any) -> Any:
        return self.recording.call(function, (other, self), {})

    return turned if reflected else method


def is_batched(kind: type) -> bool:
    """Whether this is the class of the arrays of ``vmap``, which answer for those that are recorded in them."""
    return getattr(kind, "batch", None) is not None


def _in_place(function: Callable[..., Any], anew: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Recorded, other: Any) -> Any:
        if not isinstance(self.array, np.ndarray):
            return self.recording.call(anew, (self, other), {})  # scalars are replaced, not written
        return self.recording.call(function, (self, other), {}, writes=(self,))

    return method


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Recorded) -> Any:
        return self.recording.call(function, (self,), {})

    return method


def _named(name: str, writes: bool = False) -> Callable[..., Any]:
    def method(self: Recorded, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        written = (self,) if writes else () if out is None else (out,)
        return self.recording.call(name, (self, *args), kwargs, writes=written)

    method.__name__ = name
    return method


def _description(name: str) -> Any:
    def assign(self: Recorded, _: Any) -> None:
        raise self.recording.refusal(
            f"the .{name} of an array is assigned to", "make a new one: x.reshape(...), x.astype(...)"
        )

    return property(lambda self: getattr(self.array, name), assign)


class Recorded(Stand):
    """An array (or a scalar) and its value in the program that is being recorded."""

    __slots__ = ("__weakref__", "array", "recording", "value")

    def __init__(self, recording: Any, array: Any, value: Value) -> None:
        self.recording = recording
        self.array = array
        self.value = value

    # -- what is the same in every run --------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """An array's: ``isinstance(x, np.ndarray)`` goes the same way as in the step as it is written."""
        if type(self.array) in (float, int) or (self.value.kind == ARGUMENT and isinstance(self.array, np.generic)):
            return type(self.array)
        return np.ndarray if isinstance(self.array, np.ndarray) else Recorded

    shape, dtype, ndim, size = map(_description, ("shape", "dtype", "ndim", "size"))
    strides, flags, itemsize, nbytes, base = map(_description, ("strides", "flags", "itemsize", "nbytes", "base"))

    def __repr__(self) -> str:
        """A text for errors, which end the recording in any case: no program is made of what reads it otherwise."""
        if self.recording.active and not self.is_constant:
            self.recording.refusal(*LEAVING)
        return f"<recorded {np.result_type(self.array)} {np.shape(self.array)}>"

    # -- methods ------------------------------------------------------------------------------

    reshape, transpose, swapaxes, squeeze = map(_named, ("reshape", "transpose", "swapaxes", "squeeze"))
    ravel, flatten, astype, copy, view = map(_named, ("ravel", "flatten", "astype", "copy", "view"))
    sum, mean, prod, max, min = map(_named, ("sum", "mean", "prod", "max", "min"))
    var, std, any, all = map(_named, ("var", "std", "any", "all"))
    argmax, argmin, argsort, argpartition = map(_named, ("argmax", "argmin", "argsort", "argpartition"))
    cumsum, cumprod, clip, round = map(_named, ("cumsum", "cumprod", "clip", "round"))
    take, dot, conj, conjugate = map(_named, ("take", "dot", "conj", "conjugate"))
    diagonal, trace, searchsorted = map(_named, ("diagonal", "trace", "searchsorted"))
    fill, sort = _named("fill", writes=True), _named("sort", writes=True)

    def __copy__(self) -> Any:
        return np.copy(self) if isinstance(self.array, np.ndarray) else self

    def __deepcopy__(self, _: Any) -> Any:
        return self.__copy__()

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        """The elements ``repeats`` times, a number that the program holds for."""
        return np.repeat(self, repeats, axis)

    @property
    def T(self) -> Any:
        """The transpose."""
        return self.recording.call("T", (self,), None)

    @property
    def real(self) -> Any:
        """The real part."""
        return self if self.dtype.kind != "c" else self.recording.call("real", (self,), None)

    @real.setter
    def real(self, item: Any) -> None:
        self.real[...] = item

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return self.recording.call("imag", (self,), None)

    @imag.setter
    def imag(self, item: Any) -> None:
        self.imag[...] = item

    def as_array(self) -> Any:
        """The same as an array, where it was a scalar."""
        return self if isinstance(self.array, np.ndarray) else self.recording.call(np.asarray, (self,), {})

    def __getitem__(self, index: Any) -> Any:
        if any(isinstance(item, Recorded) and np.result_type(item.array).kind == "b" for item in _items(index)):
            raise self._refusal(
                "an index of bools reads as many elements as are true, and a program holds for one shape",
                "choose with mg.where(mask, x, 0) instead",
            )
        index, copies = computed_indices.read(self.array, index)
        part = self.recording.call(operator.getitem, (self, index), {})
        if copies and part.value.root is self.value.root:
            part = part.copy()
        if copies:
            self.recording.parts.append(CopiedPart(part.value, self, len(self.recording.program.calls)))
        return part

    def __setitem__(self, index: Any, item: Any) -> None:
        index, item = computed_indices.put(self.array, index, item)
        self.recording.call(operator.setitem, (self, index, item), {}, writes=(self,))

    # -- NumPy's protocols --------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(x, "_node") or is_batched(type(x)) for x in inputs):
            return NotImplemented
        out = kwargs.get("out") or ()
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.recording.call(function, inputs, kwargs, writes=inputs[:1] if method == "at" else out)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if any(hasattr(kind, "backward") or is_batched(kind) for kind in types):
            return NotImplemented
        if function in _DESCRIPTIONS:
            return function(*_plain(args), **_plain(kwargs))
        repeated = (*args[1:2], kwargs.get("repeats"), kwargs.get("obj"))
        if function in _DATA_SHAPED or (function in _REPEATING and any(isinstance(x, Recorded) for x in repeated)):
            raise self._data_shaped(f"np.{function.__name__}")
        if function in _IN_PLACE:
            return self.recording.call(function, args, kwargs, writes=args[:1])
        out = kwargs.get("out")
        return self.recording.call(function, args, kwargs, writes=() if out is None else (out,))

    # -- what leaves the arithmetic -----------------------------------------------------------

    def __bool__(self) -> bool:
        if self.is_constant:
            return bool(self.array)
        if self.recording.in_formula:
            return self.is_true(None)
        return bool(self.recording.decide(self, bool(self.array)))

    def is_true(self, members: Callable[[Any], Any] | None) -> bool:
        """A formula looks at the data (is all of it finite? are the labels in range?).

        The answer is noted, checked in each run, and another one sends the call back to the eager code.
        """
        answer = bool(self.array)
        self.recording.assume(self, answer)
        return answer

    def _refusal(self, what: str, rewrite: str) -> CompileError:
        refusal: CompileError = self.recording.refusal(what, rewrite)
        return refusal

    def _data_shaped(self, function: str) -> CompileError:
        return self._refusal(
            f"the shape of what {function} gives depends on the numbers, and a program holds for one",
            "use mg.where, or compute it outside the compiled function",
        )

    @property
    def is_constant(self) -> bool:
        """Whether the step has made it of constants alone, and written nothing else into it so far."""
        return self.value.root in self.recording.constants

    def _leaving(self) -> Any:
        if self.is_constant:
            return self.array
        self.recording.wants_arrays = True  # a plain array may take it: hist[i] = loss.data
        raise self.recording.refusal(*LEAVING)

    def __format__(self, spec: str) -> str:
        if self.is_constant:
            return format(self.array, spec)
        raise self.recording.refusal(*LEAVING)

    def __str__(self) -> str:
        return format(self, "")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.array, name):
            raise AttributeError(f"{type(self.array).__name__!r} has no attribute {name!r}")
        raise self._refusal(
            f".{name} of an array cannot be recorded", f"use functions of NumPy, or read .{name} outside of the step"
        )

    def item(self, *index: Any) -> Any:
        """The only element as a number of Python's, which the program goes on with."""
        if index:
            return self[index].item()
        if self.is_constant:
            return self.array.item()
        return self.recording.item(self)

    def stacked(self, items: Any) -> Any:
        """A list with a number that the step draws as an array."""
        return computed_indices.stacked(items) if type(self.array) in (int, float) else None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.is_constant:
            array = np.array(self.array, dtype)
            array.flags.writeable = copy is True  # as it is written, np.asarray gives the very array
            if copy is not True:
                self.recording.copied.add(self.value.root)
            return array
        if self.recording.in_formula:
            op = self.recording.op
            raise self._refusal(
                f"{op or 'the gradient of an operation'} on this line works on plain arrays inside, which cannot be "
                "recorded yet",
                "leave it out of the compiled function, or compile what is before and after it",
            )
        self.recording.wants_arrays = True
        if type(self.array) in (float, int):
            raise self._refusal(
                "a number that the step draws or computes becomes one of NumPy's here (np.float32(x), np.array(x))",
                "leave it out: a number of Python's times an array of float32 is float32; or draw an array, "
                "rng.beta(a, b, size=1).astype(np.float32)",
            )
        is_index = self.dtype.kind in "iub"
        raise self._refusal(
            f"something takes the plain array here ({'an index into a plain array, table[i]; ' if is_index else ''}"
            "np.asarray, np.array, or a write into an array from outside), and what it does with it would be missing "
            "in later runs",
            instead(
                ("write mg.tensor(table)[i] for an index; " if is_index else "")
                + "use functions of NumPy on the tensor or array itself, or do this outside the compiled function"
            ),
        )


give_operators(Recorded, _binary, _in_place, _unary)


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _plain(tree: Any) -> Any:
    """Nested arguments with the real arrays in them."""
    if isinstance(tree, Recorded):
        return tree.array
    if isinstance(tree, (tuple, list)):
        return type(tree)(_plain(item) for item in tree)
    if isinstance(tree, dict):
        return {key: _plain(item) for key, item in tree.items()}
    return tree
