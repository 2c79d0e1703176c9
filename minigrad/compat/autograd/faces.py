"""Functions of NumPy and SciPy as autograd's namespaces have them: lists of tensors count as arrays.

``np.exp(tensor)`` reaches a tensor through NumPy's protocols. ``np.sum([tensor, tensor])`` does not: NumPy looks at
the type of its argument, a list, and no further. A *face* looks into lists and tuples. Where it finds no tensor, it is
NumPy's function, with NumPy's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.ops.shaping import stack

Function = Callable[..., Any]

_PROTOCOL = wrap(np.float64(0)).__array_function__

#: Functions that autograd calls with any iterable of arrays too: the values of a dict, a generator.
_OF_ITERABLES = frozenset("column_stack concat concatenate dstack hstack stack vstack".split())

#: Functions that take a list of arrays, or a pair, not an array; by name, as NumPy and SciPy have them.
_OF_LISTS = frozenset(
    """
    block broadcast_arrays choose column_stack concat concatenate dstack einsum einsum_path hstack ix_ lexsort
    meshgrid multi_dot piecewise select stack vstack block_diag
    cho_solve cho_solve_banded lu_solve matmul_toeplitz solve_toeplitz
    """.split()
)

#: All faces, and for those that somebody has given rules the primitives that answer tensors in their place.
RULED: dict[Function, Function | None] = {}

#: What tensors answer to each face where nobody has given it rules.
OWN: dict[Function, Function] = {}


def holds_tensor(values: Iterable[Any]) -> bool:
    """Whether there is a Tensor among these, or in lists and tuples of them."""
    for value in values:
        if isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and holds_tensor(value)):
            return True
    return False


def numbers(value: Any) -> Any:
    """A list of floating numbers as NumPy's array of them, of float64; anything else as it is."""
    if not isinstance(value, (list, tuple)) or holds_tensor([value]):
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # lists of lists of different lengths: of pad widths, or of nothing that is an array
        return value
    return array if array.dtype.kind in "fc" else value


def joined(value: Any) -> Any:
    """A list with tensors in it as their stack, a list of floating numbers as an array; anything else as it is."""
    if not isinstance(value, (list, tuple)) or not holds_tensor(value):
        return numbers(value)
    return stack([item if isinstance(item, Tensor) else np.asarray(item) for item in map(joined, value)])


def face(function: Function, known: Function | None = None) -> Function:
    """``function`` for arrays, and for tensors ``known``, or what answers ``function`` by NumPy's protocols."""
    name = getattr(function, "__name__", "")
    taken = numbers if name in _OF_LISTS else joined
    takes_iterables = name in _OF_ITERABLES

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if takes_iterables and args and not isinstance(args[0], (list, tuple, Tensor, np.ndarray)):
            args = (list(args[0]), *args[1:])
        if not holds_tensor(args) and not (kwargs and holds_tensor(kwargs.values())):
            return function(*args, **kwargs)
        args = tuple([taken(arg) for arg in args])
        kwargs = {key: taken(arg) for key, arg in kwargs.items()}
        ruled = RULED[call]
        return own(*args, **kwargs) if ruled is None else ruled(*args, **kwargs)

    def own(*args: Any, **kwargs: Any) -> Any:
        """What tensors answer, whatever rules somebody has given."""
        return _PROTOCOL(function, (), args, kwargs) if known is None else known(*args, **kwargs)

    RULED[call], OWN[call] = None, own
    return call


def namespace(
    module: Any, own_names: dict[str, Any], known: Any = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a namespace over ``module``, whose own names are in ``own_names``.

    Each function is a face, made when it is first asked for, of the one that ``known`` has under that name; all else of
    ``module`` is as it is.
    """
    offered = getattr(known, "__all__", None)

    def attribute(name: str) -> Any:
        if name == "__all__":  # for import *
            return public(module)
        if name.startswith("__") and name != "__version__" and name not in public(module):
            raise AttributeError(name)
        if not hasattr(module, name):
            raise AttributeError(f"{getattr(module, '__name__', type(module).__name__)} has no {name!r}")
        value = getattr(module, name)
        if callable(value) and not isinstance(value, type):
            value = face(value, getattr(known, name, None) if offered is None or name in offered else None)
        own_names[name] = value
        return value

    return attribute, lambda: sorted({*own_names, *public(module)})


def public(module: Any) -> list[str]:
    """The names of ``module`` that are public."""
    names: list[str] = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    return [*names]
