"""What kinds of objects there are behind names: those that cannot change, those that a walk can look into, the others.

Classes of Python's library go by their names here, so that nothing is imported to ask about it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np

from minigrad.compiler.guards.code_names import module_of
from minigrad.core.stands import NumberStand, Stand

#: Of these very classes no object can change. What is derived from them may hold more. A name alone is a builtin's;
#: ``collections._tuplegetter`` is one from Python 3.12 on.
_CONSTANT = frozenset(
    f"builtins.{name}" if "." not in name else name
    for name in """
    int float complex str bytes bool NoneType range slice ellipsis object NotImplementedType code wrapper_descriptor
    method_descriptor classmethod_descriptor getset_descriptor member_descriptor
    types.GenericAlias types.UnionType re.Pattern re.Match datetime.datetime datetime.date datetime.time
    datetime.timedelta datetime.timezone zoneinfo.ZoneInfo decimal.Decimal fractions.Fraction uuid.UUID
    operator.itemgetter operator.attrgetter operator.methodcaller inspect.Signature inspect.Parameter string.Template
    _struct.Struct _collections._tuplegetter collections._tuplegetter _csv.Dialect _abc._abc_data numpy.busdaycalendar
    functools.KeyWrapper _contextvars.Token
    """.split()
)

#: What a step acts on and takes no numbers from: logging happens while a step is recorded. Derived classes too.
_OUTWARD = frozenset(
    """
    logging.Logger logging.Handler logging.LoggerAdapter _thread.lock _thread.RLock threading.Thread pathlib.PurePath
    pathlib._local.PurePath numpy._ArrayFunctionDispatcher numpy.ufunc numpy.finfo numpy.iinfo numpy.dtype
    builtins.module
    """.split()
)

#: Random numbers, other than by a ``Generator``: how far a source has come is compared.
_SOURCES = {
    "random.Random": "getstate",
    "numpy.random.mtrand.RandomState": "get_state",
    "numpy.random.bit_generator.BitGenerator": "state",
    "numpy.random.bit_generator.SeedSequence": "state",
}

#: What gives its next item, and then another: a walk cannot look at it without taking it.
_USED_UP = frozenset({"_queue.SimpleQueue", "_csv.reader", "select.epoll", "mmap.mmap", "sqlite3.Cursor"})


def name_of(kind: type) -> str:
    """The name of a class with its module."""
    return f"{module_of(kind)}.{kind.__qualname__}"


def is_constant(x: Any) -> bool:
    """Whether nothing can be other behind this very object, as far as a step is concerned."""
    kind = type(x)
    if (
        name_of(kind) in _CONSTANT
        or isinstance(x, (np.generic, np.dtype, Stand, NumberStand))
        or module_of(kind) == "typing"
    ):
        return True
    if any(name_of(base) in _OUTWARD for base in kind.__mro__):
        return True
    if isinstance(x, BuiltinFunctionType):
        return x.__self__ is None or isinstance(x.__self__, ModuleType)
    return hasattr(kind, "readable") and hasattr(kind, "fileno") and not _is_readable(x)


def _is_readable(file: Any) -> bool:
    try:
        return bool(file.readable())
    except (ValueError, TypeError):  # closed
        return False


def is_outward(x: Any) -> bool:
    """Whether it is one of those, and has attributes that a user may have set."""
    return hasattr(x, "__dict__") and any(name_of(base) in _OUTWARD for base in type(x).__mro__)


def named_by(x: Any) -> set[str]:
    """The attributes that an ``operator.attrgetter`` or a ``methodcaller`` reads."""
    if name_of(type(x)) not in ("operator.attrgetter", "operator.methodcaller"):
        return set()
    return {part for name in x.__reduce__()[1] if isinstance(name, str) for part in name.split(".")}


def is_plain(x: Any, depth: int = 3) -> bool:
    """Whether something is data of Python alone: numbers and strings, in containers at most so deep."""
    kind = type(x)
    if kind in (int, float, complex, str, bytes, bool, type(None)):
        return True
    if not depth:
        return False
    if kind in (list, tuple, set, frozenset):
        return all(is_plain(item, depth - 1) for item in x)
    return kind is dict and all(is_plain(key, 0) and is_plain(item, depth - 1) for key, item in x.items())


def is_generator(x: Any) -> bool:
    """Whether it is a ``np.random.Generator``; numpy.random takes time to import, so nobody asks it."""
    return any(name_of(base) == "numpy.random._generator.Generator" for base in type(x).__mro__)


#: Classes in C whose objects are known apart from their attributes; derived classes count too.
_OPEN = frozenset(
    f"builtins.{name}" if "." not in name else name
    for name in """
    object int float complex str bytes type dict list tuple set frozenset BaseException Exception
    collections.OrderedDict collections.defaultdict collections.deque functools.partial _random.Random
    types.SimpleNamespace functools.cached_property _thread._local datetime.date datetime.datetime datetime.timedelta
    datetime.tzinfo builtins.super functools.singledispatchmethod
    """.split()
)


def is_opaque(kind: type) -> bool:
    """Whether objects of a class have a state in C that no attribute shows."""
    if any(base.__name__ in ("EnumMeta", "EnumType") for base in type.mro(type(kind))):
        return False
    return any(name_of(base) not in _OPEN and _is_made_in_c(base) for base in kind.__mro__)


def _is_made_in_c(kind: type) -> bool:
    names = ("wrapper_descriptor", "method_descriptor", "classmethod_descriptor", "builtin_function_or_method")
    own = vars(kind)
    if "__new__" in own and type(own["__new__"]).__name__ == names[-1]:
        return True
    return "__dict__" not in own and "__slots__" not in own and any(type(x).__name__ in names for x in own.values())


def source_of(x: Any) -> Callable[[], str] | None:
    """What tells how far a source of random numbers has come, or None where it is none."""
    if any(name_of(base) == "random.SystemRandom" for base in type(x).__mro__):
        return lambda: repr(x.random())  # nothing can tell: it is always further
    for base in type(x).__mro__:
        state = _SOURCES.get(name_of(base))
        if state is not None:
            return lambda: _refusal_of(x, state)
    return None


def _refusal_of(x: Any, name: str) -> str:
    state = getattr(x, name)
    told = state() if callable(state) else state
    if isinstance(told, tuple) and len(told) > 2 and isinstance(told[1], np.ndarray):
        told = (told[0], told[1].tobytes(), *told[2:])
    return repr(told)


def is_used_up(x: Any) -> bool:
    """Whether it gives its next item once: an iterator, a file that is read, a queue."""
    if module_of(type(x)) == "weakref":  # a proxy has all methods that there are
        return False
    return isinstance(x, Iterator) or any(name_of(base) in _USED_UP for base in type(x).__mro__)


def content_of(x: Any) -> Callable[[], bytes] | None:
    """What gives the bytes of a buffer of Python's, or None where it is no such thing."""
    if any(name_of(base) == "array.array" for base in type(x).__mro__):
        content: Callable[[], bytes] = x.tobytes
        return content
    if isinstance(x, (bytearray, memoryview)):
        return lambda: bytes(x)
    return None


def looked_up(x: Any) -> Callable[[], Any] | None:
    """A function that gives the present object of a context variable or weak reference; None for other objects."""
    if isinstance(x, weakref.ref):
        return x
    if isinstance(x, ContextVar):
        return lambda: _value_of(x)
    return None


def _value_of(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return None
