"""What a graph keeps is its own: memory that the user can write to is copied before a node saves it.

Plain arrays are the user's, whether they are operands, indices or options. So is the memory of a Tensor that was made
around an array, or that ``.data`` has handed out. Work arrays are filled again and again: what a formula saved of them
would be other numbers at ``backward()``. NumPy does not say when an array is written, and a checksum, which is to be
computed twice, takes several times as long as a copy (from 64 bytes to 32 MB). So what a formula asks for is copied,
while a graph is recorded; what it does not ask for is not.

A copy of a large array is shared by all nodes that save the array unchanged: a thousand steps with one matrix keep one.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

#: The arrays that own memory which the user can write to, by ``id``, as weak references; empty in most programs.
SHARED: dict[int, weakref.ref[Any]] = {}

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


def share(array: Any) -> Any:
    """``array``, after a note that the user can write to its memory from now on."""
    if isinstance(array, _Array):
        whole = owner(array)
        key = id(whole)
        if key not in SHARED:
            SHARED[key] = weakref.ref(whole, lambda _: SHARED.pop(key, None))
    return array


def own(value: Any, given: Any = True) -> Any:
    """``value`` as a node saves it: a copy if it was ``given`` as a plain array, or if its memory is shared."""
    if type(value) is not _Array:
        return value
    if not given:
        whole = value  # written out, since this runs for every operand once a process has handed out memory
        while isinstance(whole.base, _Array):
            whole = whole.base
        if id(whole) not in SHARED:
            return value
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
