"""Writing in place: ``x[i] = v`` and ``x += y`` with NumPy's meaning, on a graph in which nothing is overwritten.

A write makes a new array and a new node, and the tensor takes both over. What formulas have saved stays what it was,
so gradients need no check. Views follow: a tensor made by indexing, ``reshape``, ``.T`` and the like is made again from
the tensor whose memory it shares, its *root*, and a write into the view is a write into the root. What cannot follow is
refused: leaves, what NumPy calls read-only, and detached views of a graph that is still in use.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minigrad.core import table
from minigrad.core.batches import active, refuse_effect
from minigrad.core.context import is_recording, mode, recorder
from minigrad.core.conversion import as_array, detached, familiar, require_floating
from minigrad.core.graph import Leaf, Lent, next_order
from minigrad.core.masks import mask_over
from minigrad.core.members import everywhere
from minigrad.core.memory import DETACHED, SHARED, fingerprint, owner, share
from minigrad.core.stands import Stand, shown
from minigrad.core.views import (
    Steps,
    base_of,
    family_of,
    followed,
    in_order,
    is_detached,
    laid_out_like,
    moved,
    root_of,
    take,
    view_of,
    views_in,
)
from minigrad.errors import DTypeError, GraphError, ShapeError

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

ops = cast("dict[str, Callable[..., Tensor]]", table.ops)

#: What an index consists of that reads a view; with anything else it reads a copy.
_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))

_Array = np.ndarray


def assign(x: Tensor, new: Any) -> None:
    """``x.data = new``, an array, outside the graph; it is taken over and not copied."""
    refuse_effect("the data of a tensor is replaced", "return what is new, and assign it outside")
    recording = recorder()
    if recording is not None:
        recording.assign(x, new)
        return
    if type(x._node) is not Leaf and x._node is not None and np.shape(new) != x.shape:
        raise ShapeError(
            f"the data of a tensor inside a graph keeps its shape {x.shape}, got {np.shape(new)}: "
            "detach() it first, or make a new tensor"
        )
    if type(x._node) is Leaf:
        require_floating(new.dtype)
        if (new.shape, new.dtype) != (x._node.shape, x._node.dtype):
            x._node.grad = None  # a gradient of the old shape belongs to nothing any more
            x._node.reshaped = next_order()
        x._node.shape, x._node.dtype = new.shape, new.dtype
        x._node.written = next_order()
    take(x, new)


def copied(data: Any, *order: Any) -> Any:
    """A copy of the data of a tensor, of NumPy's layout unless an ``order`` is given; a scalar is its own."""
    return cast("Any", data).copy(*order) if isinstance(data, (np.ndarray, Stand)) else data


# -- handing out ---------------------------------------------------------------------------------


def seen(x: Tensor) -> Any:
    """The data of a tensor as an array, for the package itself; ``mg.compile`` learns that it is read."""
    if isinstance(x._array, np.generic):
        x._array = np.asarray(x._array)
    recording = recorder()
    return x._array if recording is None else recording.capture(x._array)


def lend(x: Tensor) -> Any:
    """The data of a tensor as an array, to which the user can write from now on.

    What graphs have saved of it stays what it was: they keep the memory, and the tensor and its views move to a copy.
    A leaf stays where optimizers and programs know it to be, and remembers what its data looked like.
    """
    if _is_lent(x):
        return x._array
    root = base_of(x)
    alone = _holders(root) == _ALONE  # no node has it, and no view
    data = seen(x)
    if type(data) is not _Array or not data.flags.writeable:
        return data
    family = [x, root, *[tensor for tensor, _ in views_in(family_of(root))]]
    leaves = {tensor._node: tensor._array for tensor in family if type(tensor._node) is Leaf}
    for leaf, whole in leaves.items():
        if leaf.lent is None or leaf.lent.array() is not whole:
            leaf.lent = Lent(weakref.ref(whole), next_order(), fingerprint(whole), leaf.written)
            leaf.written = leaf.lent.order
    if not leaves and not alone and id(owner(data)) not in SHARED:
        for tensor, array in moved(root):
            tensor._array = array
    share(x._array)
    return x._array


def leaf_of(x: Tensor, alone: bool = False) -> Leaf:
    """A leaf for a tensor, in memory to which it may be written from now on; ``alone``: nobody else has it.

    Raises ``DTypeError`` unless the tensor is of a floating dtype.
    """
    require_floating(x.dtype)
    if not alone:
        _settle(x)
    return Leaf(x.shape, x.dtype)


def _settle(x: Tensor) -> None:
    """Give a tensor and its views memory that no graph has saved: from now on it may be written where it is."""
    alone = _holders(x) == _ALONE
    data = x._array
    if alone or type(data) is not _Array or id(owner(data)) in SHARED:
        return
    root = base_of(x)
    if type(root._node) is Leaf:  # it stays where it is
        take(x, copied(data, "K"))
        return
    for tensor, array in moved(root):
        tensor._array = array
    if x._shared is not None:  # an edge leads to a tensor of a graph too, but not to this one
        share(x._array, SHARED if root._node is not None else DETACHED)


def writable(x: Tensor) -> Any:
    """The data of a tensor, such as a running mean, for the package to write to; graphs keep what they have saved."""
    if isinstance(x._array, np.generic):
        x._array = np.asarray(x._array)
    if type(x._array) is _Array and id(owner(x._array)) not in DETACHED:
        if recorder() is None:
            _settle(x)
        share(x._array, DETACHED)
    return seen(x)


def _is_lent(x: Tensor) -> bool:
    """Whether the data of a tensor that is no view, and has none, was handed out before: nothing is new about it."""
    data, node = x._array, x._node
    if x._shared is not None or type(data) is not _Array or id(owner(data)) not in SHARED or recorder() is not None:
        return False
    return type(node) is not Leaf or (node.lent is not None and node.lent.array() is data)


def _holders(x: Any) -> int:
    """How many hold the array of a tensor, and this call."""
    return sys.getrefcount(x._array) if getattr(x._array, "base", None) is None else -1


class _Alone:
    __slots__ = ("_array",)

    def __init__(self) -> None:
        self._array = np.empty(1)


#: The number of holders where the tensor is the only one; Pythons count in their own ways.
_ALONE = _holders(_Alone())


# -- the two kinds of writes --------------------------------------------------------------------


def write_at(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``."""
    if not _is_own_part(x, index, value):
        root = _writable_root(x)
        value = cast_into(value, x.dtype)
        mask = mask_over(index, x.shape, value)
        _store(x, root, ops["index_set"](x, value, index) if mask is None else ops["where"](mask, value, x))


def cast_into(value: Any, dtype: np.dtype) -> Any:
    """``value``, a Tensor, array, number or nested list, in the dtype of what it is written into.

    Raises ``DTypeError`` where that cannot hold it, such as fractions in integers, or 300 in int8, which would wrap.
    """
    weak = not hasattr(value, "dtype")
    value = value if hasattr(value, "_node") else _as_one(value)
    if value.dtype == dtype:
        return value
    if not weak and getattr(mode(), "strict", False):
        raise DTypeError(
            f"{value.dtype} is written into {dtype}: under strict_dtypes() nothing is cast. Write mg.zeros(n, "
            f"'{value.dtype}') for what is filled, or value.astype('{dtype}')"
        )
    whole = value.dtype.kind in "iub" and dtype.kind in "iub"
    if weak and 0 in value.shape:  # no number, of any dtype
        return ops["astype"](value, dtype)
    if not whole and not np.can_cast(value.dtype, dtype, "same_kind"):
        raise DTypeError(f"an array of {dtype} does not hold values of {value.dtype}: write x.astype('{value.dtype}')")
    cast = ops["astype"](value, dtype)
    if whole and not np.can_cast(value.dtype, dtype) and not everywhere(cast == value):
        stray = np.asarray(shown(detached(value)))[np.asarray(shown(cast != value))]
        raise DTypeError(f"an array of {dtype} does not hold {stray.flat[0]}: write x.astype('{value.dtype}')")
    return cast


def _as_one(value: Any) -> Any:
    """A number, an array of any library or a nested list as one array, or as one Tensor if there are some in it."""
    if not isinstance(value, (list, tuple)):
        array = as_array(familiar(value))
        if array.dtype.kind not in "fiubc":
            raise DTypeError(f"a tensor holds numbers, got {type(value).__name__}: {value!r:.60}")
        return array
    items = [_as_one(item) if isinstance(item, (list, tuple)) else item for item in value]
    return (
        ops["stack"](*items)
        if any(hasattr(item, "_node") or isinstance(item, Stand) for item in items)
        else as_array(items)
    )


def write_all(x: Tensor, result: Tensor) -> Tensor:
    """``x += y``, where ``result`` is x + y. Returns what x is now: a 0-d tensor is replaced, as NumPy's are."""
    if not x.ndim and type(x._node) is not Leaf:
        return result
    root = _writable_root(x)
    if result.shape != x.shape:
        raise ShapeError(
            f"a tensor of shape {x.shape} does not hold a result of shape {result.shape} in place: write z = x + y"
        )
    _store(x, root, cast_into(result, x.dtype))
    return x


def _store(x: Tensor, root: Tensor, new: Tensor) -> None:
    """Let the root of ``x`` and all its views take over new values. Nothing changes before all are computed."""
    view = view_of(x)
    whole = new if root is x or view is None else _put(root, new, view[1])
    if root._array.strides != whole._array.strides:  # which reshapes are views depends on the layout
        whole._array = laid_out_like(whole._array, root._array)
    taken = [(root, whole._array, whole._node)]
    for tensor, view in views_in(family_of(root)):
        again = followed(whole, view[1])
        taken.append((tensor, again._array, None if is_detached(view) else again._node))
    batches = active()
    if batches:  # vmap refuses it, once it is over, for what it finds to be from outside
        batches[-1].written += [(weakref.ref(tensor), tensor._array, tensor._node) for tensor, _, _ in taken]
    for tensor, data, node in taken:
        tensor._array, tensor._node = data, node


def _put(root: Tensor, new: Tensor, steps: Steps) -> Tensor:
    """``root`` with new values in place of what the steps lead to."""
    taken = [step for step in in_order(steps) if step[0] is not None]  # detach() leads to the same elements
    if len(taken) == 1 and taken[0][0].name == "getitem":
        return ops["index_set"](root, new, taken[0][1][0])
    places = followed(np.arange(root.size).reshape(root.shape), steps)
    return ops["reshape"](ops["index_set"](ops["reshape"](root, -1), new, places), root.shape)


def _is_own_part(x: Tensor, index: Any, value: Any) -> bool:
    """Whether ``value`` is x[index] itself: ``x[i:j] += y`` writes into the view first, and then assigns it."""
    part = view_of(value)
    items = index if isinstance(index, tuple) else (index,)
    if part is None or not all(isinstance(item, _BASIC) for item in items):
        return False
    view = view_of(x)
    root, steps = (x, None) if view is None else (view[0], view[1])
    before, op, options = part[1]
    if part[0] is not root or before is not steps:
        return False
    return bool(
        op is cast("table.Primitive", table.ops["getitem"]).op
        and type(options[0]) is type(index)
        and options[0] == index
    )


def _overlaps(array: np.ndarray) -> bool:
    """Whether elements share memory."""
    if array.flags.forc or not array.size:
        return False
    axes = sorted([(abs(step), n) for step, n in zip(array.strides, array.shape, strict=True) if n > 1])
    reach, apart = array.itemsize, True
    for step, n in axes:
        apart = apart and step >= reach  # beyond all that shorter steps reach
        reach += (n - 1) * step
    if apart or reach < array.nbytes:
        return not apart
    places: Any = sum(np.ix_(*[np.arange(n) * step for step, n in axes]))
    return bool((np.diff(np.sort(places, None)) < array.itemsize).any())


def _writable_root(x: Tensor) -> Tensor:
    """The tensor that a write into ``x`` ends in. Raises ``GraphError`` where not everything could follow."""
    view = view_of(x)
    root = root_of(view)
    if (
        view is not None
        and is_detached(view)
        and (root is not None or any(other is not x for other, _ in views_in(view[2])))
    ):
        raise GraphError(
            "this tensor shares the memory of a tensor in a graph, from which it was detached, and a write would "
            "change that one behind the graph's back: write y = x.copy() first and change y, or x.data[...] = v to "
            "change the numbers of both"
        )
    if root is None:
        root = x
    if type(x._node) is Leaf or type(root._node) is Leaf:
        what = "a tensor" if type(x._node) is Leaf else "a view of a tensor"
        raise GraphError(
            f"{what} that requires a gradient is not written in place, and a model's parameter would stay as it was: "
            "write y = x.copy() first and change y, x = mg.index_set(x, index, v) for a new tensor with a gradient, or "
            "x.data[index] = v (x.data += y) to change the numbers outside any graph"
        )
    if any(type(other._node) is Leaf for other, _ in views_in(family_of(root))):
        raise GraphError(
            "a view of this tensor requires a gradient of its own, and would change with the write: write y = x.copy() "
            "first and change y"
        )
    if x.dtype != root.dtype:
        raise GraphError(
            "the real or imaginary part of a complex tensor is not written in place: write z = real + 1j * imag"
        )
    if x.ndim and not x._array.flags.writeable:
        raise GraphError(
            "this tensor is read-only, as it is in NumPy: it is a broadcast or a diagonal, in which elements share "
            "memory, or an array that was given is read-only. Write y = x.copy() first and change y"
        )
    if _overlaps(shown(root._array)):
        raise GraphError(
            "elements of this tensor share memory, as windows made by as_strided do, and a write to one would have to "
            "change the others: write y = x.copy() first and change y"
        )
    if root._node is not None and not is_recording():
        raise GraphError(
            "a write inside no_grad() would take this tensor out of its graph, and its gradient would be lost: write "
            "outside of no_grad(), y = x.detach().copy() and change y, or x.data[index] = v to change the numbers alone"
        )
    recording = recorder()
    if recording is not None:
        recording.check_made_inside(x)
        recording.check_made_inside(root)
    return root
