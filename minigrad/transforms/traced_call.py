"""One call of a function that is being differentiated: its new arguments, and the results that are allowed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np

from minigrad.core.context import differentiating, is_recording
from minigrad.core.graph import Leaf, next_order
from minigrad.core.inplace import copied
from minigrad.core.memory import DETACHED, own
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.core.trees import leaves, mapped, mapped_by_path, rebuilt
from minigrad.errors import DTypeError, GraphError
from minigrad.transforms.subgraph import Section, stand_in

#: Which arguments: the position of one, its name, or a tuple or list of these.
Argnums = int | str | tuple[int | str, ...] | list[int | str]


class RecordedCall:
    """One call of ``f``, recorded, with new tensors in place of the arguments to differentiate with respect to.

    ``wanted`` are the nodes of these, ``private`` those of them that nothing leads on from.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums) -> None:
        self.recording = is_recording()
        self.wanted: list[Any] = []
        self._passed: list[tuple[Tensor, Any]] = []  # the new tensors and their nodes
        self._plain: list[bool] = []  # for each of these, whether it was given as an array or number
        self._names: list[list[str] | None] = []  # for each leaf of the arguments, a module's parameters or None
        self._stand_ins: dict[Any, Any] = {}
        passed: dict[int | str, Any] = dict(enumerate(args))
        passed.update(kwargs)
        keys = _places(f, argnums, len(args), kwargs)
        self._given = passed[keys[0]] if isinstance(argnums, (int, str)) else tuple(passed[key] for key in keys)
        self._arguments = (args, kwargs)
        self._dtype: np.dtype | None = None
        for key in keys:
            name = f"argument {key}" if isinstance(key, int) else f"argument {key!r}"
            passed[key] = mapped_by_path(self._replacement, passed[key], name)
        self.private = {node for node in self.wanted if type(node) is Leaf}
        self.start = next_order()
        with differentiating():  # also inside no_grad(): the gradient was asked for by name
            self.result = f(*[passed[number] for number in range(len(args))], **{name: passed[name] for name in kwargs})
        self._set_past(True)
        for x, node in self._passed:
            if x._node is not node:
                raise GraphError(
                    "the function that is differentiated writes into its argument, and what it was called with would "
                    "stay as it was: write y = x.copy() first and change y"
                )

    def _replacement(self, name: str, leaf: Any) -> Any:
        """The argument of ``f`` in place of a leaf; a module stays, and the graph gets stand-ins for its parameters."""
        if hasattr(leaf, "named_parameters"):
            named = [(key, p) for key, p in leaf.named_parameters() if p.requires_grad]
            self._names.append([key for key, _ in named])
            for _, p in named:
                if p._node not in self._stand_ins:
                    self._stand_ins[p._node] = stand_in(p._node, p.shape, p.dtype)
                self.wanted.append(self._stand_ins[p._node])
                self._plain.append(False)
            return leaf
        x = _variable(leaf, name, self._company)
        node = stand_in(x._node, x.shape, x.dtype)
        copy = wrap(own(x._array, False, x._node), node) if DETACHED else wrap(x._array, node)
        self._names.append(None)
        self.wanted.append(node)
        self._plain.append(not isinstance(leaf, Tensor))
        self._passed.append((copy, node))
        return copy

    def _company(self) -> np.dtype:
        """The dtype of Python's numbers, worked out once, if there is a number."""
        if self._dtype is None:
            self._dtype = _company(self._arguments)
        return self._dtype

    def section(self, outputs: list[Tensor]) -> Section:
        """The part of the graph between these outputs and the arguments."""
        return Section([z._node for z in outputs], self.start, self.wanted, self._stand_ins)

    def _set_past(self, flag: bool) -> None:
        for node in self.private:
            node.past = flag

    def pull(
        self,
        section: Section,
        roots: Iterable[Any],
        gradients: Iterable[Tensor],
        *,
        record: bool,
        retain: bool,
        closed: bool = False,
    ) -> list[Tensor]:
        """``section.pull``, during which the call is not over: a ``checkpoint`` in it runs its function again."""
        self._set_past(False)
        try:
            return section.pull(roots, gradients, record=record, retain=retain, closed=closed)
        finally:
            self._set_past(True)

    def continues(self, section: Section) -> bool:
        """Whether the caller could differentiate what comes out of a section again, with respect to something."""
        return self.recording and section.leads_outside(self.private)

    def in_structure(self, items: list[Any]) -> Any:
        """One item for each of ``wanted``, in the structure of the arguments.

        A Tensor is handed out as what the argument was: as an array for an array or number, unless it is in a graph.
        """
        each = iter([plain_array(item) if plain else item for item, plain in zip(items, self._plain, strict=True)])
        parts = [next(each) if names is None else {key: next(each) for key in names} for names in self._names]
        return rebuilt(self._given, iter(parts))

    def as_given(self, tree: Any) -> Any:
        """Arrays for Tensors that are in no graph, where no differentiated argument is a Tensor or a Module."""
        return mapped(plain_array, tree) if all(self._plain) else tree

    def handed_out(self, result: Any, connected: bool) -> Any:
        """A result, outside the graph unless it is connected to the caller's."""
        if type(result) is Tensor:
            alone = wrap(result._array, result._node if connected else None)
            return plain_array(alone) if all(self._plain) else alone
        return self.as_given(mapped(lambda z: wrap(z._array, z._node if connected else None), result))

    def let_go(self, more: Any) -> tuple[Any, bool]:
        """``more`` without its ties to the new tensors, and whether any of it stays in the graph for other reasons."""
        shared = False

        def free(item: Any) -> Any:
            nonlocal shared
            if not isinstance(item, Tensor) or item._node is None:
                return item
            connected = self.continues(self.section([item]))
            shared = shared or connected
            return wrap(item._array, item._node if connected else None)

        return mapped(free, more), shared


def plain_array(item: Any) -> Any:
    """The data of a Tensor that is in no graph, as NumPy has it: a scalar for 0-d; anything else as it is."""
    if not isinstance(item, Tensor) or item._node is not None:
        return item
    return item._array[()] if type(item._array) is np.ndarray and not item.ndim else item._array


def check_argnums(argnums: Any) -> None:
    """Raise ``TypeError`` unless it is an int or a name, or a tuple or list of them."""
    keys = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not keys or any(type(key) not in (int, str) for key in keys):
        raise TypeError(f"argnums is the position or name of an argument, or a tuple or list of these, got {argnums!r}")


def _places(f: Callable[..., Any], argnums: Argnums, count: int, kwargs: dict[str, Any]) -> list[int | str]:
    """Where the arguments of ``argnums`` were given: positions among ``count`` of them, and names of ``kwargs``."""
    if type(argnums) is int and 0 <= argnums < count:  # as most often
        return [argnums]
    keys = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    places = [_place(f, key, count, kwargs) for key in keys]
    if None in places:
        arguments = f"{count} positional arguments" + (f" and {', '.join(kwargs)}" if kwargs else "")
        raise TypeError(f"argnums={argnums!r} names an argument that was not given: f was called with {arguments}")
    if len(set(places)) != len(places):
        raise TypeError(f"argnums={argnums!r} names an argument twice")
    return [place for place in places if place is not None]


def _place(f: Callable[..., Any], key: int | str, count: int, kwargs: dict[str, Any]) -> int | str | None:
    """Where one was given, which may be by name where ``key`` is a position, or the other way round; else None."""
    if isinstance(key, int) and -count <= key < count:
        return key % count
    if key in kwargs:
        return key
    names = _parameter_names(f)
    if isinstance(key, str):
        return names.index(key) if key in names[:count] else None
    name = names[key] if count <= key < len(names) else None
    return name if name in kwargs else None


def _parameter_names(f: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except (ValueError, TypeError):  # some functions of C have none
        return []


def _company(arguments: Any) -> np.dtype:
    """The dtype of the arrays, Tensors and modules among the arguments, that Python's numbers take there."""
    dtypes = []
    for _, leaf in leaves(arguments):
        members = leaf.named_parameters() if hasattr(leaf, "named_parameters") else (("", leaf),)
        dtypes += [
            member.dtype for _, member in members if getattr(getattr(member, "dtype", None), "kind", "?") in "fc"
        ]
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


def _is_counted(value: Any) -> bool:
    """Whether it is an array of integers, or a member of a batch of them."""
    array = getattr(value, "_array", value)
    is_array = array is value or getattr(array, "batch", None) is not None
    return is_array and getattr(getattr(array, "dtype", None), "kind", "") in {"i", "u"}


def _variable(value: Any, name: str, company: Callable[[], np.dtype]) -> Tensor:
    """A leaf of a differentiated argument as a Tensor. Raises ``DTypeError`` for what has no gradient.

    A Python number takes the dtype of the arrays beside it, and alone it is a float64, as in NumPy. An array of
    integers, or a member of a batch of them, is one of float64, as solvers pass on the ``[1, 2]`` at which they are to
    start. A Tensor of integers has no gradient anywhere.
    """
    if not isinstance(value, (Tensor, np.ndarray, np.generic, float, int, complex, Stand)):
        raise DTypeError(
            f"{name} is of type {type(value).__name__}, and a gradient is with respect to Tensors, arrays and numbers, "
            "lists, tuples, dicts and dataclasses of these, or a Module: leave it out of argnums, or bind it with a "
            "lambda"
        )
    if _is_counted(value):
        value = cast("np.ndarray", value).astype(np.float64)
    if isinstance(value, Tensor):
        x = value
    elif isinstance(value, (int, float)) and not isinstance(value, (bool, np.generic)):
        x = Tensor(value, np.finfo(company()).dtype)  # a real one
    elif type(value) is complex:
        x = Tensor(value, np.result_type(company(), np.complex64))
    else:
        x = around(copied(value))  # of the array that was given a graph may outlive the call
    if x.dtype.kind not in "fc":
        raise DTypeError(
            f"{name} is of dtype {x.dtype}, and only floating dtypes have a gradient: write .astype('float32'), leave "
            "it out of argnums, or bind it with a lambda"
        )
    return x
