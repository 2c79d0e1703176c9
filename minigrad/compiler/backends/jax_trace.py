"""A program run on JAX's arrays, which cannot be written: a write makes a new value of the memory.

``Trace`` holds the contents of all memory. A view is worked out when it is read, and again when what it looks at has
changed since. Who writes into a view changes what it looks at, up to the root.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minigrad.compiler.backends import jax_functions as functions
from minigrad.compiler.passes.functional import Form
from minigrad.compiler.passes.lowering import IN_PLACE
from minigrad.compiler.program import RESULT, Call, Value
from minigrad.core.trees import flat, mapped_all
from minigrad.errors import CompileError

_AUGMENTED = {**IN_PLACE, operator.ipow: np.power, operator.imatmul: np.matmul}
_RESHAPING = frozenset({".reshape", ".ravel", ".squeeze", np.reshape, np.ravel, np.squeeze, np.expand_dims})
_INDEXING = frozenset({operator.getitem, operator.setitem})
_ORDERED = frozenset({".ravel", ".flatten", ".reshape", np.ravel, np.reshape})  # perhaps by the layout of memory


class Pieces:
    """Memory that is written piece by piece: (first element, contents) in order, put together where more is read.

    XLA would copy all of it for each piece.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        ends = [*itertools.accumulate([array.size for array in arrays], initial=0)]
        self.size = ends[-1]
        self.items = [(first, array.reshape(-1)) for first, array in zip(ends, arrays, strict=False)]

    def read(self, where: slice) -> Any:
        """The elements of a slice."""
        parts = [x for _, x in self._cut(where.start, where.stop)]
        if not parts:
            return self.items[0][1][:0]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts)

    def write(self, where: slice, new: Any) -> None:
        """Other elements in a slice."""
        if where.start < where.stop:
            before, after = self._cut(0, where.start), self._cut(where.stop, self.size)
            self.items = [*before, (where.start, new.reshape(-1)), *after]

    def _cut(self, start: int, stop: int) -> list[tuple[int, Any]]:
        """What lies between two places."""
        parts = []
        for first, x in self.items:
            low, high = max(start - first, 0), min(stop - first, x.size)
            if low < high:
                parts.append((first + low, x if high - low == x.size else x[low:high]))
        return parts


class Trace:
    """One run. ``contents`` has the arrays that come in."""

    def __init__(self, form: Form, contents: dict[Value, Any]) -> None:
        self.form = form
        self.contents: dict[Value, Any] = {**form.constants, **contents}
        wholes = {part.whole for part in form.parts.values() if isinstance(part.where, slice)}
        of_wholes = {whole: self.contents.pop(whole) for whole in wholes if whole in contents}
        self.pieces = {whole: x if isinstance(x, Pieces) else Pieces([x]) for whole, x in of_wholes.items()}
        for value, x in self.contents.items():
            if isinstance(x, Pieces):
                self.contents[value] = x.read(slice(0, x.size)).reshape(value.shape)
        self.views: dict[Value, Any] = {}
        self.conditions: list[Any] = []
        self.callbacks: list[str] = []

    # -- memory -------------------------------------------------------------------------------

    def read(self, value: Value) -> Any:
        """The contents of a value now."""
        if value in self.contents:
            return self.contents[value]
        if value in self.pieces:
            return self.pieces[value].read(slice(0, self.pieces[value].size)).reshape(value.shape)
        if value not in self.views:
            if value in self.form.parts:
                whole, where = self.form.parts[value]
                parts = self.pieces[whole].read(where) if isinstance(where, slice) else self._flat(whole)[where]
                self.views[value] = parts.reshape(value.shape)
            else:
                call = self.form.sources[value].call
                self.views.update(zip(call.results, self._made(call), strict=True))
        return self.views[value]

    def write(self, value: Value, new: Any) -> None:
        """New contents of a value, and of all memory that it is a part of."""
        self.conditions += functions.fits(new, value.dtype)
        new = jnp.broadcast_to(functions.cast(new, value.dtype), value.shape)
        memory = self.form.memory(value)
        for view in [view for view in self.views if self.form.memory(view) is memory]:
            del self.views[view]
        while value not in self.contents:
            part = self.form.parts.get(value)
            if value in self.pieces:
                self.pieces[value] = Pieces([new])
                return
            self.views[value] = new
            if part is not None and isinstance(part.where, slice):
                self.pieces[part.whole].write(part.where, new)
                return
            value, new = self._around(value, new)
        self.contents[value] = new

    def _flat(self, value: Value) -> Any:
        return self.read(value).reshape(-1)

    def _around(self, view: Value, new: Any) -> tuple[Value, Any]:
        """What a view looks at, and its contents when those of the view are ``new``."""
        if view in self.form.parts:
            whole, where = self.form.parts[view]
            return whole, self._flat(whole).at[where].set(new).reshape(whole.shape)
        source, call, item = self.form.sources[view]
        if view.dtype != source.dtype:
            raise CompileError(
                f"mg.compile: a view of another dtype is written to (.real, .imag, .view), for which the backend "
                f'"jax" has no form:\n  {call.place}\ncompute a new array, or use backend="numpy"'
            )
        if call.function in _RESHAPING and _order(call) == "C":
            return source, new.reshape(source.shape)
        if (view.shape, view.strides) == (source.shape, source.strides):
            return source, new  # all of it
        if call.function is operator.getitem:
            return source, self.read(source).at[self._given(call)[0][1]].set(new)
        # Which element of the source each of the view's is: the call itself tells, on their numbers.
        axes = _axes_in_memory(source)
        numbers = np.empty([source.shape[axis] for axis in axes], np.intp).transpose(np.argsort(axes))
        numbers[...] = np.arange(numbers.size).reshape(source.shape)
        places = list(flat(call.run(lambda x: numbers if x is source else x)))[item]
        return source, self._flat(source).at[places].set(new).reshape(source.shape)

    # -- calls --------------------------------------------------------------------------------

    def run(self, call: Call) -> None:
        """One call: its results, or what it writes."""
        if call.is_host:
            test = self.read(call.args[0])
            self.conditions.append(test if call.function.expected else jnp.logical_not(test))
            return
        if call.writes:
            self._written(call)
        elif any(result.root is result for result in call.results):
            for value, content in zip(call.results, self._made(call), strict=True):
                if value.root is value:
                    self.contents[value] = content

    def _given(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call as they are now."""
        args, kwargs = call.args, call.kwargs
        if len(args) > 1 and (call.function in _INDEXING or getattr(call.function, "__name__", "") == "at"):
            items = args[1] if isinstance(args[1], tuple) else (args[1],)
            items = tuple([np.asarray(x) if isinstance(x, list) else x for x in items])  # JAX takes no lists here
            index = items if isinstance(args[1], tuple) else items[0]
            args = (args[0], mapped_all(self._fixed_mask, index), *args[2:])
        pair: tuple[tuple[Any, ...], dict[str, Any]]
        pair = mapped_all(lambda x: self.read(x) if isinstance(x, Value) else x, (args, kwargs))
        return pair

    def _fixed_mask(self, x: Any) -> Any:
        """An index of bools from outside: a shape depends on it, so it must be as it was."""
        if isinstance(x, np.bool_):
            return bool(x)  # JAX knows no other scalar in this place
        if not isinstance(x, Value) or x.dtype != bool or x.kind == RESULT or x in self.form.constants:
            return x
        self.conditions.append((self.read(x) == x.origin).all())
        return x.origin.copy()

    def _made(self, call: Call) -> list[Any]:
        """The results of a call that writes nothing."""
        args, kwargs = self._given(call)
        self.conditions += functions.conditions(call.function, args, kwargs)
        results = self._evaluated(call, args, kwargs, call.results)
        if call.function in functions.RAISING:
            self.conditions.append(jnp.isfinite(results[0]).all())
        return [functions.fitted(x, value) for x, value in zip(results, call.results, strict=True)]

    def _evaluated(self, call: Call, args: Any, kwargs: Any, results: list[Value]) -> list[Any]:
        if call.function in _ORDERED and _order(call) == "K":
            return [args[0].transpose(_axes_in_memory(call.args[0])).reshape(-1)]
        if call.function in _ORDERED and _order(call) == "A":
            args, kwargs = mapped_all(
                lambda x: _fortran_or_c(call.args[0]) if isinstance(x, str) else x, (args, kwargs)
            )
        try:
            evaluated = list(flat(functions.evaluated(call.function, args, kwargs, results)))
            if [x.shape for x in evaluated] == [value.shape for value in results]:
                return evaluated
        except (AttributeError, IndexError, NotImplementedError, TypeError, ValueError):
            pass  # JAX has no such function, or not with these options
        self.callbacks.append(functions.path(call.function))
        return functions.called_back(call.function, args, kwargs, results)

    def _written(self, call: Call) -> None:
        args, kwargs = self._given(call)
        target = call.writes[0]
        if len(call.writes) > 1 or call.results:
            raise CompileError(
                f"mg.compile: {functions.path(call.function)} writes into several arrays at once, for which the "
                f'backend "jax" has no form:\n  {call.place}\nleave out out=, or use backend="numpy"'
            )
        try:
            self.write(target, self._new_contents(call, target, args, kwargs))
        except (AttributeError, IndexError, NotImplementedError, TypeError, ValueError) as error:
            raise CompileError(
                f'mg.compile: the backend "jax" has no form for what {functions.path(call.function)} writes:\n'
                f'  {call.place}\n{error}\nuse backend="numpy"'
            ) from error

    def _new_contents(self, call: Call, target: Value, args: Any, kwargs: Any) -> Any:
        function = call.function
        if function in functions.WRITERS:
            self.conditions += functions.conditions(function, args, kwargs)
            return functions.WRITERS[function](*args, **kwargs)
        if getattr(function, "__name__", "") == "at" and isinstance(function.__self__, np.ufunc):
            self.conditions += functions.conditions(operator.setitem, args, {})
            return functions.added_at(function.__self__, *args)
        if function in _AUGMENTED:
            return functions.evaluated(_AUGMENTED[function], args, {}, [target])
        chosen = kwargs.get("where", True)
        kwargs = {key: x for key, x in kwargs.items() if key not in ("out", "where")}
        if not isinstance(function, np.ufunc) and chosen is not True:  # of a reduction: what is summed
            kwargs["where"], chosen = chosen, True
        (content,) = self._evaluated(call, args, kwargs, [target])
        return content if chosen is True else jnp.where(chosen, content, self.read(target))


def _order(call: Call) -> str:
    """The order in which a call goes through the elements."""
    return next((x for x in (*call.args, *call.kwargs.values()) if isinstance(x, str)), "C")


def _axes_in_memory(value: Value) -> list[int]:
    """The axes from the slowest to the fastest, as the elements lay in memory when the step was recorded."""
    return sorted(range(len(value.shape)), key=lambda axis: -abs(value.strides[axis]))


def _fortran_or_c(value: Value) -> str:
    """What ``order="A"`` comes to."""
    axes = [axis for axis in _axes_in_memory(value) if value.shape[axis] > 1]
    dense = all(value.strides[a] == value.strides[b] * value.shape[b] for a, b in itertools.pairwise(axes)) and (
        not axes or value.strides[axes[-1]] == value.dtype.itemsize
    )
    return "F" if dense and len(axes) > 1 and axes == sorted(axes, reverse=True) else "C"
