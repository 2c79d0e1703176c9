"""What a graph keeps is its own: memory that the user can write to is copied before a node saves it.

Plain arrays are the user's, whether they are operands, indices or options. So is the memory of a Tensor that was made
around an array, or that ``.data`` has handed out. Work arrays are filled again and again: what a formula saved of them
would be other numbers at ``backward()``. NumPy does not say when an array is written, and a checksum, which is to be
computed twice, takes several times as long as a copy (from 64 bytes to 32 MB). So what a formula asks for is copied,
while a graph is recorded; what it does not ask for is not.

A copy of a large array is shared by all nodes that save the array unchanged: a thousand steps with one matrix keep one.

A leaf stays where it is while optimizers write to it, and the edge that leads to it says so to ``backward()``. To what
shares its memory outside the graph, such as ``p.detach()``, no edge leads: that is copied too.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np

from minigrad.errors import DTypeError

#: The arrays that own memory which the user can write to, by ``id``, as weak references; empty in most programs.
SHARED: dict[int, weakref.ref[Any]] = {}

#: The same of memory that a leaf shares with tensors of no graph.
DETACHED: dict[int, weakref.ref[Any]] = {}

#: Bytes up to which each node has a copy of its own: looking for one to share would cost as much.
_SMALL = 32 << 10

#: The copies of larger arrays that are in use, by place, shape, strides and dtype of what they were copied from.
_copies: weakref.WeakValueDictionary[Any, np.ndarray] = weakref.WeakValueDictionary()

#: Types of options that nobody can write to.
FIXED = frozenset(
    {type(None), bool, int, float, complex, str, bytes, slice, type(Ellipsis), np.bool_, np.intp, np.dtype}
)

_Array = np.ndarray


def owner(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory, or is the first around what owns it."""
    while isinstance(array.base, _Array):
        array = array.base
    return array


def share(array: Any, among: dict[int, weakref.ref[Any]] = SHARED) -> Any:
    """``array``, after a note that the user can write to its memory from now on."""
    if issubclass(type(array), _Array):  # what stands for one in a recording says that it is one too
        whole = owner(array)
        key = id(whole)
        if key not in among:
            among[key] = weakref.ref(whole, lambda _: among.pop(key, None))
    return array


def own(value: Any, given: Any = True, node: Any = None) -> Any:
    """``value`` as a node saves it: a copy if it was ``given`` as a plain array, or if its memory is shared.

    ``node`` is that of the tensor that has it, to which an edge leads.
    """
    if type(value) is not _Array:
        return value
    if not given:
        whole = value  # written out, since this runs for every operand once a process has handed out memory
        while isinstance(whole.base, _Array):
            whole = whole.base
        if id(whole) not in SHARED and (node is not None or id(whole) not in DETACHED):
            return value
    elif value.dtype.kind in "mM":  # times a tensor they are whole units again, and cut off fractions
        raise DTypeError(
            f"a tensor holds numbers, got an array of {value.dtype}: write array / np.timedelta64(1, 's') for seconds"
        )
    if value.nbytes <= _SMALL:
        return value.copy("K")
    key = (value.__array_interface__["data"][0], value.shape, value.strides, value.dtype)
    copy = _copies.get(key)
    if copy is None or not _same(copy, value):
        copy = _copies[key] = value.copy("K")
    return copy


def own_option(value: Any) -> Any:
    """An option as a node saves it: with copies of the arrays and lists in it, such as those of an index."""
    kind = type(value)
    if kind is _Array:
        return own(value)
    if kind is tuple:
        return value if FIXED.issuperset(map(type, value)) else tuple([own_option(item) for item in value])
    if kind is list:
        return value[:] if FIXED.issuperset(map(type, value)) else [own_option(item) for item in value]
    if kind is dict:
        return {key: own_option(item) for key, item in value.items()}
    if getattr(kind, "batch", None) is not None:  # the arrays of vmap are its own
        return value
    if isinstance(value, _Array):
        masked = sys.modules.get("numpy.ma")
        if masked is not None and masked.is_masked(value):
            raise DTypeError(
                "the mask of an index or option would be lost: write index.compressed(), or index.filled(0)"
            )
        return own(np.asarray(value))
    foreign = hasattr(kind, "__array__") and not isinstance(value, np.generic)  # an array of another library
    return np.array(value) if foreign else value


def _same(copy: np.ndarray, array: np.ndarray) -> bool:
    """Whether all bytes are the same."""
    if copy.strides != array.strides:  # of an array with gaps; its copy has none
        array = array.copy("K")
    bits = np.dtype(f"u{copy.itemsize}") if copy.itemsize in (1, 2, 4, 8) else np.dtype(np.uint8)
    a, b = (x.reshape(-1, order="A").view(bits) for x in (copy, array))
    return np.array_equal(a, b)


def fingerprint(array: np.ndarray) -> int:
    """A number that tells whether any element of an array was written to, in this process."""
    return hash(array.tobytes())
