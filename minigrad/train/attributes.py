"""Values in attributes: whether one has changed, what a checkpoint holds of it, and putting it back.

A value is a number, a string, an array, a tensor, or lists, tuples, dicts, sets and deques of these. It is put back
into the object that is there, so that whoever shares a list or an array goes on sharing it.
"""

from __future__ import annotations

import hashlib
import importlib
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from enum import Enum
from types import NoneType
from typing import Any

import numpy as np

from minigrad.core.inplace import assign
from minigrad.core.tensor import Tensor
from minigrad.files.tree import DTYPES
from minigrad.nn import Buffer, Parameter

PLAIN = frozenset({bool, int, float, complex, str, bytes, NoneType})
_KEYS = PLAIN | {tuple}
_SAVED_AS_THEY_ARE = frozenset({bool, int, float, str, NoneType})
_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (list, tuple, dict, set, frozenset, deque, OrderedDict, Counter, defaultdict)
}
_FACTORIES: dict[str, Any] = {kind.__name__: kind for kind in (list, dict, set, int, float, str, bool)}
CONTAINERS = tuple(_KINDS.values())
_TENSORS: dict[str, Any] = {kind.__name__: kind for kind in (Parameter, Buffer, Tensor)}
_PARTS, _DEPTH = 10_000, 32


def _of_time(x: Any) -> list[Any]:
    if x.tzinfo is not None or x.fold:
        raise NoTreeError
    return [getattr(x, name) for name in _UNITS if hasattr(x, name)]


def _of_masked(x: Any) -> list[Any]:
    data, mask = np.array(x.data), np.array(np.ma.getmaskarray(x))
    return [data, mask, None, False, True, 0, np.array(x.fill_value)]


_UNITS = ("year", "month", "day", "hour", "minute", "second", "microsecond")

#: Values of Python's library by the arguments that make them again. Named, since few programs have loaded all of these.
_PARTS_OF: dict[str, Callable[[Any], list[Any]]] = {
    "fractions.Fraction": lambda x: [x.numerator, x.denominator],
    "decimal.Decimal": lambda x: [str(x)],
    "datetime.date": lambda x: [x.year, x.month, x.day],
    "datetime.datetime": _of_time,
    "datetime.time": _of_time,
    "datetime.timedelta": lambda x: [x.days, x.seconds, x.microseconds],
    "uuid.UUID": lambda x: [str(x)],
    "builtins.range": lambda x: [x.start, x.stop, x.step],
    "builtins.slice": lambda x: [x.start, x.stop, x.step],
    "builtins.bytearray": lambda x: [bytes(x)],
    "array.array": lambda x: [x.typecode, x.tobytes()],
    "numpy.ma.MaskedArray": _of_masked,
    "numpy.ma.core.MaskedArray": _of_masked,
    "pathlib.PosixPath": lambda x: [str(x)],
    "pathlib.WindowsPath": lambda x: [str(x)],
}


def parts_of(kind: Any) -> Callable[[Any], list[Any]] | None:
    """What gives the parts of a value of this type, where it is made of such."""
    return _PARTS_OF.get(_name_of(kind))


def _name_of(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class NoTreeError(Exception):
    """Not a value alone: it holds objects, contains itself, or has too many parts to be looked at again and again."""


def digest(array: np.ndarray) -> str:
    """SHA-256 of the elements of an array, 16 digits of it."""
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()[:16]


def frozen(value: Any, known: Collection[int] = ()) -> Any:
    """What compares equal as long as ``value`` does not change.

    Raises ``NoTreeError``, also where it holds tensors or containers whose ids are in ``known``: they are looked after
    elsewhere.
    """
    return _frozen(value, known, 0, [_PARTS])


def _frozen(value: Any, known: Collection[int], depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth > _DEPTH or left[0] < 0:
        raise NoTreeError
    kind = type(value)
    if kind in PLAIN:
        return (kind, repr(value)) if kind in {float, complex} else (kind, value)  # NaN is equal to itself here
    if isinstance(value, Enum):
        return kind, value.name
    if (parts := parts_of(kind)) is not None:
        return kind, [_frozen(part, known, depth + 1, left) for part in parts(value)]
    if isinstance(value, Tensor):
        if id(value) in known:
            raise NoTreeError
        return kind, value.requires_grad, _frozen(np.asarray(value._array), known, depth, left)
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise NoTreeError
        return kind, array.dtype.str, array.shape, digest(array)
    if not isinstance(value, CONTAINERS):
        raise NoTreeError
    if depth and id(value) in known:
        raise NoTreeError
    items = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict) and not set(map(type, value)) <= _KEYS:
        raise NoTreeError
    if set(map(type, items)) <= PLAIN:  # a million words are copied and compared in some milliseconds
        if isinstance(value, dict):
            return kind, list(value), list(value.values())  # ten times faster to compare than a dict
        return kind, set(value) if isinstance(value, set) else list(value)
    if isinstance(value, (set, frozenset)):
        return kind, sorted([repr(_frozen(item, known, depth + 1, left)) for item in value])
    if isinstance(value, dict):
        return kind, [(key, _frozen(item, known, depth + 1, left)) for key, item in value.items()]
    return kind, [_frozen(item, known, depth + 1, left) for item in value]


def packed(value: Any) -> Any:
    """A value that ``frozen`` takes, in the form that ``mg.save`` saves."""
    kind = type(value)
    if kind in _SAVED_AS_THEY_ARE:
        return value
    if kind is complex:
        return {"kind": "complex", "parts": [value.real, value.imag]}
    if kind is bytes:
        return {"kind": "bytes", "bytes": np.frombuffer(value, np.uint8)}
    if isinstance(value, Enum):
        return {"kind": "enum", "name": value.name}
    if (parts := parts_of(kind)) is not None:
        return {"kind": "parts", "of": _name_of(kind), "parts": [packed(part) for part in parts(value)]}
    if isinstance(value, Tensor):
        data = packed(np.array(value._array))
        of = next(name for name, one in _TENSORS.items() if isinstance(value, one))
        return {"kind": "tensor", "of": of, "data": data, "requires_grad": bool(value.requires_grad)}
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.name in DTYPES and value.dtype.isnative:
            return value.copy() if isinstance(value, np.generic) else np.array(value)
        elements = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        return {"kind": "array", "dtype": value.dtype.str, "shape": list(np.shape(value)), "bytes": elements}
    name = next(name for name, one in _KINDS.items() if kind is one or isinstance(value, one))
    state: dict[str, Any] = {"kind": name}
    if isinstance(value, dict):
        state["kind"] = kind.__name__ if kind in CONTAINERS else "dict"
        state["items"] = [[packed(key), packed(item)] for key, item in value.items()]
        if isinstance(value, defaultdict):
            state["factory"] = getattr(value.default_factory, "__name__", "")
        return state
    if isinstance(value, deque):
        state["maxlen"] = value.maxlen
    state["items"] = [packed(item) for item in value]
    return state


def unpacked(state: Any, now: Any = None) -> Any:
    """The value that ``packed`` made ``state`` of; ``now`` itself, changed, where it is of the same kind.

    Raises ``LookupError`` or ``TypeError`` where ``now`` would have to tell what cannot be known without it.
    """
    if isinstance(state, np.ndarray):
        return _array(state, now)
    if not isinstance(state, dict):
        return state
    kind = state["kind"]
    if kind == "complex":
        return complex(*state["parts"])
    if kind == "bytes":
        return state["bytes"].tobytes()
    if kind == "enum":
        return type(now)[state["name"]]
    if kind == "parts":
        return _of_parts(state["of"], [unpacked(part) for part in state["parts"]], now)
    if kind == "array":
        dtype = np.dtype(state["dtype"])
        if dtype.kind == "V":  # whose fields only an array of it can tell
            dtype = now.dtype if getattr(now, "dtype", dtype).str == dtype.str else np.dtype(None)
        elements = np.frombuffer(state["bytes"].tobytes(), dtype).reshape(state["shape"])
        return _array(elements, now) if isinstance(now, np.ndarray) or elements.ndim else elements[()]
    if kind == "tensor":
        data = unpacked(state["data"])
        if not isinstance(now, Tensor):
            now = _TENSORS[state["of"]](data)
        assign(now, data)
        if now.requires_grad != state["requires_grad"]:
            now.requires_grad_(state["requires_grad"])
        return now
    return _container(kind, state, now)


def _array(saved: np.ndarray, now: Any) -> np.ndarray:
    """The elements in the array that is there, or in a new one."""
    if not isinstance(now, np.ndarray) or isinstance(now, np.memmap):
        return saved.copy()
    if (now.dtype, now.shape) == (saved.dtype, saved.shape) and now.flags.writeable:
        now[...] = saved
        return now
    return saved.copy().view(type(now))  # np.matrix, np.recarray


def _of_parts(name: str, parts: list[Any], now: Any) -> Any:
    """A value of Python's library; one that can change is changed, since others may hold it."""
    if name not in _PARTS_OF:
        raise LookupError(name)
    module, _, of = name.rpartition(".")
    value = getattr(importlib.import_module(module), of)(*parts)
    if type(now) is type(value) and isinstance(now, (bytearray, array)):
        now[:] = value
        return now
    if isinstance(now, np.ma.MaskedArray) and (now.dtype, now.shape) == (value.dtype, value.shape):
        now.data[...] = value.data
        now.mask = value.mask
        return now
    return value


def _container(kind: str, state: dict[str, Any], now: Any) -> Any:
    if issubclass(_KINDS[kind], dict):
        of = now if isinstance(now, dict) else {}
        pairs = {unpacked(key): item for key, item in state["items"]}
        content = {key: unpacked(item, of.get(key)) for key, item in pairs.items()}
        if isinstance(now, dict):
            now.clear()
            now.update(content)
            return now
        if kind == "defaultdict":
            return defaultdict(_FACTORIES.get(state["factory"]), content)
        return _KINDS[kind](content)
    before = list(now) if isinstance(now, (list, tuple, deque)) else []
    items = [
        unpacked(item, before[place] if place < len(before) else None) for place, item in enumerate(state["items"])
    ]
    if isinstance(now, (list, deque, set)) and isinstance(now, _KINDS[kind]):
        now.clear()
        (now.update if isinstance(now, set) else now.extend)(items)
        return now
    if kind == "tuple" and hasattr(type(now), "_fields"):
        return type(now)(*items)
    if kind == "deque":
        return deque(items, state["maxlen"])
    return _KINDS[kind](items)
