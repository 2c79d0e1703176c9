"""Tensors that share memory: a *root*, and its views, made by indexing, ``reshape``, ``.T`` and the like.

A view knows its root and the steps that lead from there. A root knows its views by weak references, so there are no
reference cycles.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minigrad.core import table
from minigrad.core.graph import Leaf
from minigrad.core.memory import DETACHED, share
from minigrad.core.stands import numpy_function, shown

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

ops = cast("dict[str, Callable[..., Tensor]]", table.ops)

#: What leads from a root to a view: (the steps before, op, its options); those of a variadic op are a dict.
Steps = tuple[Any, Any, Any]

#: The views of a root: weak references, behind the length from which on those of views that are gone are dropped.
Family = list[Any]

#: How a tensor came from its root: (root, steps, the views of the root, its own views where the root is gone). Of a
#: view outside the root's graph, a *detached* one, the root is a weak reference: it must not keep the graph alive.
View = tuple[Any, Steps, Family, Family | None]

# Names that are looked up once: note_view is a hot path.
_Array = np.ndarray
_reference = weakref.ref


def note_view(tensor: Tensor, source: Tensor, op: Any, options: Any) -> None:
    """Remember that ``tensor``, just made from ``source`` by an op (None: detached), is a view, if they share memory.

    It costs half a microsecond for each view, so what is noted are tuples and lists.
    """
    array, whole = tensor._array, source._array
    if type(array) is not _Array:  # mg.compile records
        array, whole = shown(array), shown(whole)
    base = array.base
    if (array is not whole and base is not whole and (base is None or base is not whole.base)) or not whole.ndim:
        return
    root: Any = source
    before: Steps | None = None
    shared = source._shared
    family: Family
    if shared is None:
        source._shared = family = [64]
    elif isinstance(shared, list):
        family = shared
    else:
        known = root_of(shared)
        if known is not None:
            root, before, family = known, shared[1], shared[2]
        else:
            family = shared[3] or [64]
            source._shared = (*shared[:3], family)
    if tensor._node is None and root._node is not None:
        if type(root._node) is Leaf:
            share(array, DETACHED)
        root = _reference(root)
    tensor._shared = (root, (before, op, options), family, None)
    family.append(_reference(tensor))
    if len(family) > family[0]:
        family[1:] = [reference for reference in family[1:] if reference() is not None]
        family[0] = 64 + 2 * len(family)


def views_in(family: Family | None) -> list[tuple[Tensor, View]]:
    """The views that are still in use and have no other data yet, each with how it came from the root."""
    alive = [tensor for reference in family[1:] if (tensor := reference()) is not None] if family else []
    return [
        (tensor, tensor._shared) for tensor in alive if type(tensor._shared) is tuple and tensor._shared[2] is family
    ]


def view_of(x: Any) -> View | None:
    """How a view came from its root; None for anything that is no view."""
    shared = getattr(x, "_shared", None)
    return shared if type(shared) is tuple else None


def family_of(x: Tensor) -> Family | None:
    """The views of a tensor that is their root."""
    return x._shared[3] if isinstance(x._shared, tuple) else x._shared


def take(x: Tensor, data: Any) -> None:
    """Give ``x`` other data, as no view of anything. The views of ``x`` stay views of its old data."""
    old, family = x._array, family_of(x)
    if family:
        was: Any = object.__new__(type(x))
        was._array, was._node, was._shared = old, x._node, family
        for tensor, view in views_in(family):
            tensor._shared = (_reference(was) if is_detached(view) else was, view[1], family, view[3])
    x._array, x._shared = data, None


def root_of(view: View | None) -> Tensor | None:
    """The tensor whose memory a view shares; None for no view, and where that tensor is gone."""
    root = None if view is None else view[0]
    return root() if type(root) is weakref.ref else root


def base_of(x: Tensor) -> Tensor:
    """The tensor whose memory ``x`` shares; ``x`` itself where it is no view, or that tensor is gone."""
    root = root_of(view_of(x))
    return x if root is None else root


def is_detached(view: View) -> bool:
    """Whether a view is outside the graph of its root."""
    return type(view[0]) is weakref.ref


def in_order(steps: Steps | None) -> list[tuple[Any, Any]]:
    """The steps as (op, options), first to last."""
    ordered = []
    while steps is not None:
        ordered.append(steps[1:])
        steps = steps[0]
    return ordered[::-1]


def followed(x: Any, steps: Steps | None) -> Any:
    """The view that the steps lead to from ``x``, a Tensor or an array."""
    for op, options in in_order(steps):
        if op is not None:
            x = ops[op.name](x, **options) if op.variadic else ops[op.name](x, *options)
    return x


@numpy_function
def laid_out_like(x: Any, like: Any) -> Any:
    """A copy of x in the memory layout of an array of its shape."""
    z = np.empty_like(like)
    z[...] = x
    return z


def moved(root: Tensor) -> list[tuple[Tensor, Any]]:
    """A root and its views with a copy of their memory."""
    whole = laid_out_like(root._array, root._array)
    return [(root, whole), *[(tensor, followed(whole, view[1])) for tensor, view in views_in(family_of(root))]]
