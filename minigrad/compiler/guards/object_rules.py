"""What the walk does with each kind of object: which parts are compared before a replay, and where to look further."""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, ItemsView, KeysView, ValuesView
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, MethodWrapperType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards import read_tracking
from minigrad.compiler.guards.code_names import is_foreign, is_known, is_of_package, module_of
from minigrad.compiler.guards.generator_proxies import is_stream
from minigrad.compiler.guards.holders import Attributes, Bound, Static, holders_of, members_of
from minigrad.compiler.guards.object_kinds import (
    content_of,
    is_constant,
    is_generator,
    is_opaque,
    is_plain,
    is_used_up,
    looked_up,
    name_of,
    source_of,
)
from minigrad.compiler.guards.python_state import is_number, is_sequence
from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

_RATES = frozenset({"lr", "decay"})

#: What the package's own part of an optimizer keeps: its steps work with it, and a program works it out anew.
_OF_OPTIMIZERS = frozenset(
    "_iterations skipped _current_lr param_groups _params _checked _flats _names _defaults _skip_nonfinite".split()
)

#: Methods of an optimizer that run at each replay: what they read is read anew.
_RUN_ANEW = frozenset({"rates", "finish"})

#: Methods that run when an object is made.
_MAKING = frozenset({"__new__", "__init__", "__post_init__", "__set_name__", "__init_subclass__"})


def at(reach: Reach, x: Any, name: str) -> None:
    """Look at one object."""
    look = next((look for kinds, look in _KINDS if isinstance(x, kinds)), None)
    if look is not None:
        look(reach, x, name)
        return
    probe, content, look_up = source_of(x), content_of(x), looked_up(x)
    if "function_or_method" in type(x).__name__:  # of Cython
        reach.look(getattr(x, "__self__", None), name)
        return
    if is_generator(x):
        reach.generators.append((name, x.bit_generator))
    elif probe is not None:
        reach.sources.append((name, probe))
        if is_stream(x):  # all that it has is in its state
            return
    elif content is not None:
        reach.guards.add(name, "content", content, id(x), content())
    elif look_up is not None:
        now = look_up()
        reach.guards.add(name, "result", look_up, id(x), now)
        if look_up is x and not (now is None or is_constant(now) or isinstance(now, type)):
            reach.weak.append((now, name))  # something else must keep it alive, since a program would
        else:
            reach.look(now, name)
    elif is_used_up(x):
        reach.refuse(
            f"the step may take the next item from {name or 'an argument'}, a {type(x).__name__}, which a program "
            "would not do",
            "take the item outside, and pass it to the compiled function as an argument",
        )
    elif module_of(type(x)).startswith("minigrad.compiler"):
        reach.look(x.__wrapped__, name)  # a compiled function inside this one is part of it
        return
    else:
        _object(reach, x, name)
        return
    _more_of(reach, x, name, ())


def entry(reach: Reach, place: Any, key: Any, name: str, missing: bool = False) -> None:
    """An attribute, a global or an item by its key."""
    value = place.get(key, ...)
    inner = f"{name}.{key}" if name else str(key)
    if value is ... and not missing:
        return
    if not reach.compare(inner, "entry", place, key, value) and value is not ...:
        reach.look(value, inner, reach.holder_of(place), key)


def outward(reach: Reach, x: Any, name: str) -> None:
    """What printing goes through: attributes that a user has set, and whether a logger is on."""
    reach.data_of(vars(x), name)
    while name_of(type(x)) in ("logging.Logger", "logging.RootLogger"):
        for place, key in ((x, "level"), (x, "disabled"), (x.manager, "disable")):
            reach.guards.add(f"{name}.{key}", "attribute", place, key, getattr(place, key))
        x = x.parent


def is_data(x: Any) -> bool:
    """Whether something is an array, or numbers and strings."""
    return isinstance(x, (np.ndarray, Tensor)) or is_plain(x)


# -- tensors, arrays, generators ------------------------------------------------------------------


def _tensor(reach: Reach, x: Tensor, name: str) -> None:
    reach.tensors.append(x)
    if isinstance(x._array, np.generic) and (isinstance(x, Buffer) or isinstance(x._node, Leaf)):
        x._array = np.asarray(x._array)  # a counter or weight that the step writes to is one array from here on
    if type(x._array) is np.ndarray:
        reach.names.setdefault(id(x._array), name)
        reach.arrays.append((name, x._array))
    if isinstance(x._node, Leaf):
        reach.names.setdefault(id(x._node), name)
    _more_of(reach, x, name, (Tensor, Parameter, Buffer))


def _array(reach: Reach, x: np.ndarray, name: str) -> None:
    reach.names.setdefault(id(x), name)
    reach.arrays.append((name, x))
    reach.plain_arrays.append((name, x))
    if x.dtype == object:
        reach.guards.items(name, x.flat)
        for i, item in enumerate(x.flat):
            reach.look(item, f"{name}.{i}")
    _more_of(reach, x, name, (np.ndarray, np.memmap))


# -- containers -----------------------------------------------------------------------------------


def _sequence(reach: Reach, x: Any, name: str) -> None:
    by_items = is_sequence(x) and reach.has_inputs(x)
    if by_items:
        reach.guards.size(name, x)
    elif not isinstance(x, (tuple, frozenset)):
        reach.guards.items(name, x)
    for i, item in enumerate(x):
        if not (by_items and reach.compare(f"{name}.{i}", "item", x, i, item)):
            for holder in holders_of(reach, x):
                reach.look(item, f"{name}.{i}", holder, i)
    _more_of(reach, x, name, (list, tuple, set, frozenset, deque))


#: Classes of dicts with dict's own ``get``.
_DICTS = (dict, defaultdict, OrderedDict, Counter)


def _mapping(reach: Reach, x: Any, name: str) -> None:
    reach.guards.items(name, x)  # their order may count
    plain = type(x) in (*_DICTS, MappingProxyType)
    for key in list(x):
        inner = f"{name}.{key}" if name else str(key)
        if plain:
            is_of_exec = type(key) is str and key == "__builtins__"  # of its namespace; a tensor is equal by elements
            if reach.compare(inner, "entry", x, key, x[key]) or is_of_exec:
                continue
            reach.look(x[key], inner, x if type(x) in _DICTS else None, key)
        else:  # its own get may do something else
            item = dict.__getitem__(x, key)
            reach.guards.add(inner, "got", functools.partial(dict.get, x), key, item)
            reach.look(item, inner)
        reach.look(key, inner)
    if hasattr(x, "default_factory"):
        reach.guards.add(f"{name}.default_factory", "attribute", x, "default_factory", x.default_factory)
        reach.look(x.default_factory, name)
    _more_of(reach, x, name, (dict, MappingProxyType))


def _more_of(reach: Reach, x: Any, name: str, plain: tuple[type, ...]) -> None:
    """What an object of a derived class has besides its items."""
    if type(x) not in plain and not _is_bare(type(x)):
        _attributes(reach, x, name)
        _class(reach, type(x))


def _is_bare(kind: type) -> bool:
    """Whether objects of a class have no attributes of their own."""
    return not kind.__dictoffset__ and not _slots_of(kind)


def compared(reach: Reach, x: Any, name: str) -> None:
    """Large data, compared as a whole."""
    reach.guards.items(name, x)
    if isinstance(x, dict):
        reach.guards.add(name, "values", x, "values", list(x.values()))
    for item in x.values() if isinstance(x, dict) else x:
        reach.look(item, name)


def what_was_read(reach: Reach, reads: read_tracking.Reads) -> None:
    """Watch what a recording has read of large data."""
    x, name = reads.original, reads.name
    if reads.whole is not None:
        reach.guards.add(name, "items", x, "whole", reads.whole)
        if reads.values is not None:
            reach.guards.add(name, "values", x, "values", reads.values)
        for item in reads.values or reads.whole:
            reach.look(item, name)
    if reads.size is not None:
        reach.guards.add(name, "size", x, None, reads.size)
    for key, value in reads.keys.items():
        kind = "entry" if isinstance(x, dict) else "item" if isinstance(x, list) else "member"
        reach.guards.add(f"{name}[{key!r}]", kind, x, key, value)
        if value is not ...:
            reach.look(value, f"{name}[{key!r}]")


# -- functions and classes ------------------------------------------------------------------------


def _method(reach: Reach, x: MethodType, name: str) -> None:
    reach.look(x.__self__, name)
    reach.look(x.__func__, name)


def _partial(reach: Reach, x: functools.partial[Any], name: str) -> None:
    for key in ("func", "args"):
        reach.look(getattr(x, key), name, Bound(x), key)
    for part in (x.keywords, vars(x)):
        reach.look(part, name)
    _more_of(reach, x, name, (functools.partial,))


def _wrapping(reach: Reach, x: Any, name: str) -> None:
    reach.caches = reach.caches or isinstance(x, functools._lru_cache_wrapper)
    if isinstance(x, classmethod):
        reach.mentioned.add("__class__")  # it may make objects
    inner = x.__wrapped__ if hasattr(x, "__wrapped__") else x.__func__
    for place, key in reach.holders.get(id(x), ()) if isinstance(x, staticmethod) else ():
        reach.look(inner, name, Static(place, key), key)
    reach.look(inner, name)


def _property(reach: Reach, x: property, name: str) -> None:
    for part in (x.fget, x.fset, x.fdel):
        reach.look(part, name)
    _more_of(reach, x, name, (property,))


def _class(reach: Reach, kind: type) -> None:
    """The attributes of a user's class that are mentioned, and what its methods can reach."""
    if not reach.is_new(kind):
        return
    fixed = {key for base in kind.__mro__ if is_of_package(module_of(base)) or is_foreign(base) for key in vars(base)}
    anew = _RUN_ANEW if issubclass(kind, Optimizer) else frozenset()
    for base in kind.__mro__:
        members = members_of(base)

        def counts(key: str, members: Any = members) -> bool:
            """What Python or a library calls by a name of its own."""
            if key in _MAKING and not reach.makes(kind):
                return False
            if key.startswith("__") and key.endswith("__"):
                return isinstance(members[key], FunctionType)
            return key in fixed and key not in anew

        if not is_of_package(module_of(base)) and not is_foreign(base):
            reach.mentioned_of(members, base.__name__, counts)
            reach.guards.add(f"the bases of {base.__name__}", "attribute", base, "__bases__", base.__bases__)
        elif not is_known(module_of(base)):
            reach.mentioned_of(members, base.__name__, lambda _: False)
    if not is_of_package(module_of(type(kind))) and not is_foreign(type(kind)):
        _class(reach, type(kind))


def _type(reach: Reach, x: type, _: str) -> None:
    if not is_foreign(x) and not is_of_package(module_of(x)):
        _class(reach, x)
    elif not is_known(module_of(x)):
        _class(reach, x)
        reach.any_name()


# -- objects --------------------------------------------------------------------------------------


def _optimizer(reach: Reach, x: Optimizer, name: str) -> None:
    reach.optimizers.append(x)
    for group in x.param_groups:
        for key, value in list(group.items()):
            inner = f"{name}.param_groups.{key}"
            if key not in _RATES:
                if is_number(value):
                    reach.compare(inner, "entry", group, key, value)
                    continue
                reach.guards.add(inner, "entry", group, key, value)
                reach.look(value, inner)
        reach.guards.size(f"{name}.param_groups", group)
    reach.guards.add(f"{name}._flats", "entry", vars(x), "_flats", x._flats)
    if not is_of_package(module_of(type(x))):
        reach.guards.size(f"an attribute of {name}", vars(x))
        own = {key for key in vars(x) if key not in _OF_OPTIMIZERS and key not in type(x).COUNTERS}
        for key in own:
            entry(reach, vars(x), key, name)
        _class(reach, type(x))


def _module(reach: Reach, x: Module, name: str) -> None:
    reach.names.setdefault(id(x), name)
    _object(reach, x, name)


def _object(reach: Reach, x: Any, name: str) -> None:
    """Any other object: its attributes, and what its class can reach."""
    kind = type(x)
    if is_opaque(kind):
        reach.refuse(
            f"{name or 'an argument'} is of type {name_of(kind)}, into which mg.compile cannot look: a change of it "
            "would not be noticed",
            "take out of it what the step needs, and pass it as an argument",
            frozenset({name.rpartition(".")[2]}),
        )
    if not is_of_package(module_of(kind)):
        reach.guards.add(f"the class of {name}", "class", x, None, kind)
    _attributes(reach, x, name)
    _class(reach, kind)


def _slots_of(kind: type) -> list[str]:
    own_names: list[str] = []
    for base in kind.__mro__:
        slots = [] if is_of_package(module_of(base)) else vars(base).get("__slots__", ())
        for key in [slots] if isinstance(slots, str) else slots:
            if key not in ("__dict__", "__weakref__"):
                private = key.startswith("__") and not key.endswith("__")
                own_names.append(f"_{base.__name__.lstrip('_')}{key}" if private else key)
    return own_names


def _attributes(reach: Reach, x: Any, name: str) -> None:
    for key in _slots_of(type(x)):
        value = getattr(x, key, ...)
        reach.guards.add(f"{name}.{key}", "attribute", x, key, value)
        if value is not ...:
            reach.look(value, f"{name}.{key}", Attributes(x), key)
    if not hasattr(x, "__dict__"):
        return
    own = vars(x)
    # Code of a library, or of this package, reads attributes by names that no code of the user's mentions.
    fixed = [base for base in type(x).__mro__[:-1] if is_of_package(module_of(base)) or is_foreign(base)]
    if any(base is not Module for base in fixed):
        reach.mentioned_of(own, name, lambda _: True)
    elif fixed:
        reach.mentioned_of(own, name, lambda key: key == "training" or _is_of_models(own[key]))
    else:
        reach.mentioned_of(own, name, lambda _: False)


def _is_of_models(x: Any) -> bool:
    """What a module has for its parameters, buffers and parts."""
    if isinstance(x, (list, tuple)):
        return any(map(_is_of_models, x))
    return isinstance(x, (Tensor, Module, np.ndarray)) or (isinstance(x, dict) and any(map(_is_of_models, x.values())))


def rates(reach: Reach) -> None:
    """Where code in reach reads a rate by itself, a program keeps what it read."""
    for number, optimizer in enumerate(reach.optimizers):
        for group in optimizer.param_groups if reach.mentioned & {*_RATES, "param_groups"} else ():
            for key in sorted(_RATES & set(group)):
                reach.compare(f"{key} of optimizer {number}", "entry", group, key, group[key])


def _code_only(*_: Any) -> None:
    """Nothing but code of a library."""


_KINDS: tuple[tuple[Any, Callable[..., None]], ...] = (
    (type, _type),
    (Tensor, _tensor),
    (np.ndarray, _array),
    (FunctionType, lambda reach, x, name: reach.function(x, name)),
    (MethodType, _method),
    ((BuiltinFunctionType, MethodWrapperType), lambda reach, x, name: reach.look(x.__self__, name)),
    ((KeysView, ValuesView, ItemsView), lambda reach, x, name: reach.look(x.mapping, name)),
    ((dict, MappingProxyType), _mapping),
    ((list, tuple, set, frozenset, deque), _sequence),
    (functools.partial, _partial),
    ((functools._lru_cache_wrapper, staticmethod, classmethod), _wrapping),
    (property, _property),
    (Optimizer, _optimizer),
    (Module, _module),
    (ModuleType, _code_only),
)
