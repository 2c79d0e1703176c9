"""A state taken apart: its arrays by name, and the rest as JSON that says where they go.

In the JSON a list, a string, None, a bool, a small int and a finite float stand for themselves. Everything else
is an object with one key that says what it is::

    {"dict": [[key, value], ...]}   {"tuple": [...]}   {"int": "-0x..."}   {"float": "inf"}
    {"array": name}   {"fortran": name}   {"scalar": name}   {"complex": one of these three}

So no key of the user's can be taken for one of ours, ints keep all their digits, and the order of keys and the
memory order of matrices (on which the last bit of a product can depend) are kept. complex128, which the format has
not, is an array of float64 whose first axis has the real and the imaginary part.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.core.inplace import seen
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError
from minigrad.files.tensors import DTYPES as CODES
from minigrad.files.tensors import MalformedError, without_duplicates
from minigrad.support.idioms import Count

DTYPES = frozenset(CODES.values())
DEPTH = 64  # far more than any state has; one that contains itself has no end
_COLLIDING = 16  # keys of one hash: more are made on purpose
_EXACT = 2**53  # beyond it other readers of JSON round ints
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")
_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_UNFIT = re.compile(r"[^\w.\- ]")


def taken_apart(state: Any) -> tuple[str, dict[str, np.ndarray]]:
    """(JSON, arrays by name); a name is the path of keys that leads to the array, joined by dots.

    Raises ``DTypeError``, with the path, for what cannot be saved.
    """
    arrays: dict[str, np.ndarray] = {}
    return json.dumps(_node_of(state, (), arrays), separators=(",", ":"), allow_nan=False), arrays


def put_together(text: str, arrays: Mapping[str, Callable[[str], np.ndarray]]) -> Any:
    """The state from the JSON and the arrays that ``taken_apart`` made; each is got by a call with "C" or "F".

    Raises ``MalformedError`` unless each array is used exactly once.
    """
    try:
        tree = json.loads(text, object_pairs_hook=without_duplicates)
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedError("its description is not one of a state: no JSON") from error
    unused = dict(arrays)
    state = _value_of(tree, unused, DEPTH)
    if unused:
        raise MalformedError(f"it holds arrays that its description does not mention: {_few(unused)}")
    return state


def is_name(name: str) -> bool:
    """Whether ``taken_apart`` may have given this name to an array."""
    return name == _fit(name)


def _fit(path: str) -> str:
    return _UNFIT.sub("_", path)[:200] or "_"


def _few(names: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, list(names)[:3])) + (", ..." if len(names) > 3 else "")


# -- writing ------------------------------------------------------------------------------------


def _node_of(value: Any, path: tuple[Any, ...], arrays: dict[str, np.ndarray]) -> Any:
    if len(path) >= DEPTH:
        raise DTypeError(f"{_where(path[:3])}... is nested deeper than {DEPTH} levels; does it contain itself?")
    if isinstance(value, Count):
        value = int(value)
    kind = type(value)
    if value is None or kind in {bool, str}:
        return value
    if kind is int:
        return value if abs(value) < _EXACT else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, list):
        return [_node_of(item, (*path, i), arrays) for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [_node_of(item, (*path, i), arrays) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        items = value.items()
        if len(value) > _COLLIDING and _collide(value.keys()):
            raise DTypeError(
                f"{_where(path)} cannot be saved: more than {_COLLIDING} of its keys have one hash, and such a dict is "
                "not loaded; use other keys, or save a list of pairs"
            )
        return {"dict": [[_key(key, path), _node_of(item, (*path, key), arrays)] for key, item in items]}
    return _array_node(value, path, arrays)


def _key(key: Any, path: tuple[Any, ...]) -> Any:
    if type(key) not in {str, int, Count, float, bool, type(None), tuple}:
        raise DTypeError(
            f"a key of {_where(path)} cannot be saved: expected str, int, float, bool, None or a tuple of these, "
            f"got {type(key).__name__}"
        )
    if isinstance(key, tuple):
        return {"tuple": [_key(item, path) for item in key]}
    return _node_of(key, (), {})


def _is_masked(array: Any) -> bool:
    masked = sys.modules.get("numpy.ma")  # np.ma would import it, and that may not end where memory is short
    return masked is not None and isinstance(array, masked.MaskedArray)


def _array_node(value: Any, path: tuple[Any, ...], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The node of an array, a tensor or a NumPy scalar, which gets a name of its own."""
    array = seen(value) if isinstance(value, Tensor) else value
    if not isinstance(array, (np.ndarray, np.generic)) or _is_masked(array):
        raise DTypeError(
            f"{_where(path)} cannot be saved: expected arrays, numbers, str, bool, None, and lists, tuples and dicts "
            f"of these, got {type(value).__name__}; save what it is made of, such as its state_dict()"
        )
    is_double = array.dtype == np.complex128
    if array.dtype.name not in DTYPES and not is_double:
        advice = {"O": "its .tolist()", "U": "its .tolist()", "S": "its .tolist()", "c": "its .real and .imag"}
        raise DTypeError(
            f"{_where(path)} cannot be saved: the format has no {array.dtype.name}; "
            f"save {advice.get(array.dtype.kind, 'it as numbers')} instead"
        )
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    name = base = _fit(".".join(map(str, path)))
    count = 1
    while name in arrays or name == "__metadata__":  # {"a.b": x, "a": {"b": y}}: the JSON tells them apart
        count += 1
        name = f"{base[:190]}-{count}"
    arrays[name] = np.stack([array.real, array.imag]) if is_double else np.asarray(array)
    node = {"scalar" if isinstance(array, np.generic) else "fortran" if fortran else "array": name}
    return {"complex": node} if is_double else node


def _where(path: tuple[Any, ...]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in path)


# -- reading ------------------------------------------------------------------------------------


def _value_of(node: Any, unused: dict[str, Callable[[str], np.ndarray]], depth: int) -> Any:
    if not depth:
        raise MalformedError("its description is nested too deeply")
    if isinstance(node, list):
        return [_value_of(item, unused, depth - 1) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) != 1:
        raise MalformedError("its description is not one of a state")
    ((tag, content),) = node.items()
    if tag == "dict" and isinstance(content, list):
        return _dict(content, unused, depth)
    if tag == "tuple" and isinstance(content, list):
        return tuple(_value_of(item, unused, depth - 1) for item in content)
    if tag == "complex" and isinstance(content, dict) and len(content) == 1:
        ((tag, name),) = content.items()
        if tag in {"array", "fortran", "scalar"} and isinstance(name, str):
            return _complex_array(tag, name, unused)
    if isinstance(content, str):
        if tag in {"array", "fortran", "scalar"}:
            return _array(tag, content, unused)
        if tag == "int" and _HEXADECIMAL.fullmatch(content):
            return int(content, 16)
        if tag == "float" and content in _FLOATS:
            return _FLOATS[content]
    raise MalformedError(f"its description is not one of a state: {tag!r} with {str(content)[:40]!r}")


def _dict(pairs: list[Any], unused: dict[str, Callable[[str], np.ndarray]], depth: int) -> dict[Any, Any]:
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise MalformedError("its description is not one of a state: a dict without pairs")
    keys = [_value_of(key, {}, depth - 1) for key, _ in pairs]
    try:
        collide = _collide(keys)
    except TypeError:
        raise MalformedError("its description is not one of a state: a key that is no key") from None
    if collide:
        raise MalformedError("its description is not one of a state: keys that are made to be found slowly")
    entries = {key: _value_of(value, unused, depth - 1) for key, (_, value) in zip(keys, pairs, strict=True)}
    if len(entries) < len(pairs):
        raise MalformedError("a key occurs twice in it")
    return entries


def _collide(keys: Any) -> bool:
    """Whether many keys have one hash, as no usual numbers do: a dict of them takes the square of the time."""
    hashes = Counter(map(hash, keys))
    return len(keys) > _COLLIDING and max(hashes.values()) > _COLLIDING


def _array(tag: str, name: str, unused: dict[str, Callable[[str], np.ndarray]]) -> Any:
    if name not in unused:
        raise MalformedError(f"the array {name!r} is missing, or is mentioned twice")
    array = unused.pop(name)("F" if tag == "fortran" else "C")
    if tag != "scalar":
        return array
    if array.ndim:
        raise MalformedError(f"{name!r} should be a single number, and has the shape {array.shape}")
    return array[()]


def _complex_array(tag: str, name: str, unused: dict[str, Callable[[str], np.ndarray]]) -> Any:
    """An array of complex128, from that of its parts."""
    parts = _array("array", name, unused)
    if parts.dtype != np.float64 or parts.shape[:1] != (2,) or (tag == "scalar" and parts.ndim > 1):
        raise MalformedError(f"{name!r} should be complex numbers, and is {parts.dtype} of the shape {parts.shape}")
    array = np.empty(parts.shape[1:], np.complex128, "F" if tag == "fortran" else "C")
    array.real, array.imag = parts
    return array[()] if tag == "scalar" else array
