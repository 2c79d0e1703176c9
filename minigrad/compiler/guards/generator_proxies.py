"""Streams that a step draws from by itself: NumPy's ``rng.normal(...)``, ``random.random()``, ``np.random.rand(...)``.

Their classes are written in C, and nobody can listen at an object of them. So wherever a name leads to one, or to a
method of one, another stands in its place while a step is recorded, and its methods are noted as draws: they
happen in each replay. What it does not note (drawing into an array, shuffling a list) is found by how far the stream
has come, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType, MethodType
from typing import Any

import numpy as np

from minigrad.compiler.guards.read_tracking import is_table
from minigrad.core.context import recorder
from minigrad.core.stands import NumberStand, Stand
from minigrad.core.trees import mapped_all
from minigrad.random import drawing, drawn, generator_or_default

#: Methods that give new numbers, and change nothing but the stream.
METHODS = tuple(
    """
    beta binomial chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric integers laplace
    logistic lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare normal pareto
    permutation poisson power random rayleigh standard_cauchy standard_exponential standard_gamma standard_normal
    standard_t triangular uniform vonmises wald weibull zipf
    """.split()
)

#: Those of Python's ``random.Random``: they give a number of one type, whatever is drawn.
_OF_PYTHON = tuple(
    """
    random uniform triangular randint randrange getrandbits gauss normalvariate lognormvariate expovariate betavariate
    gammavariate vonmisesvariate paretovariate weibullvariate
    """.split()
)

#: Those of ``np.random.RandomState`` that a ``Generator`` does not have.
_OF_OLD = ("rand", "randn", "randint", "random_integers", "random_sample")

#: Methods that take items of a list, or put them in another order: a program draws their places.
_CHOOSING = ("choice", "choices", "sample", "shuffle")

#: The most objects, other than numbers, of which one may be drawn: each needs a program of its own.
_OBJECTS = 8

_METHODS: dict[str, tuple[str, ...]] = {
    "numpy.random._generator.Generator": (*METHODS, "shuffle"),
    "random.Random": (*_OF_PYTHON, *_CHOOSING),
    "numpy.random.mtrand.RandomState": (*METHODS, *_OF_OLD, "shuffle"),
}

#: Of an array of weights or means, ``rng.choice(n, p=p)``, the numbers are part of the program up to this many.
_SHORT = 4096

_PLAIN = (int, float, bool, str, type(None), np.generic, np.dtype, type, NumberStand, Stand)


#: The classes of what stands for objects of others, made when they are needed.
_kinds: dict[Any, Any] = {}


def is_stream(x: Any) -> bool:
    """Whether it is an object of one of these very classes, or a method of one that draws."""
    if isinstance(x, (BuiltinFunctionType, MethodType)):
        return x.__name__ in _METHODS.get(_name_of(x.__self__), ())
    return _name_of(x) in _METHODS


def _name_of(x: Any) -> str:
    return f"{type(x).__module__}.{type(x).__name__}"


def stand_for(stream: Any) -> Any:
    """What stands for a stream, or for a method of one, while a step is recorded."""
    if isinstance(stream, (BuiltinFunctionType, MethodType)):
        return getattr(stand_for(stream.__self__), stream.__name__)
    stand = _kind(type(stream))(*([stream.bit_generator] if isinstance(stream, np.random.Generator) else [0]))
    stand.original = stream
    return stand


def state_of(owner: Any) -> Any:
    """How far a stream has come; None is the package's generator."""
    if hasattr(owner, "getstate"):
        return owner.getstate()
    return owner.get_state() if hasattr(owner, "get_state") else generator_or_default(owner).bit_generator.state


def put_back(owner: Any, state: Any) -> None:
    """Let a stream go on from there."""
    if hasattr(owner, "setstate"):
        owner.setstate(state)
    elif hasattr(owner, "set_state"):
        owner.set_state(state)
    else:
        generator_or_default(owner).bit_generator.state = state


def original_of(generator: Any) -> Any:
    """The generator that something stands for, or itself."""
    return generator.original if type(generator) in _kinds.values() else generator


def _kind(base: Any) -> Any:
    """The class of what stands for objects of another one, made when it is needed."""
    if base not in _kinds:
        _kinds[base] = _proxy_class(base)
    return _kinds[base]


def _proxy_class(base: Any) -> Any:
    methods = _METHODS[f"{base.__module__}.{base.__name__}"]
    members: dict[str, Any] = {
        name: _drawing(base, name) if name in methods else _handed_on(name)
        for name in dir(base)
        if callable(getattr(base, name)) and not name.startswith("_")
    }
    if base.__module__ == "random":
        members |= {name: _choosing(name) for name in _CHOOSING}
    else:
        members["shuffle"] = _shuffling
    members["__reduce__"] = _handed_on("__reduce__")
    return type(base.__name__, (base,), members)


def _handed_on(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        # Python's Random is seeded when an object is made, before it has an original.
        return getattr(self.original, name)(*args, **options) if hasattr(self, "original") else None

    return method


def _drawing(base: Any, name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        recording = recorder()
        if recording is not None and "out" not in options and base.__module__.startswith("numpy."):
            args, options = mapped_all(_listed, args), mapped_all(_listed, options)
        if recording is None or "out" in options or not _is_plain((args, *options.values())):
            return getattr(self.original, name)(*args, **options)
        return recording.draw(drawn, self.original, (name, *args), options)

    return method


@drawing
def places_of(stream: Any, method: str, count: int, *args: Any, **options: Any) -> Any:
    """The places that ``random.choice`` and its like draw, out of ``count``."""
    places = list(range(count)) if hasattr(stream, "getstate") else np.arange(count)
    order = getattr(stream, method)(places, *args, **options)
    return np.array(places if order is None else order)


def _choosing(name: str) -> Callable[..., Any]:
    def method(self: Any, items: Any, *args: Any, **options: Any) -> Any:
        recording = recorder()
        if recording is None or not len(items) or not _is_plain((args, *options.values())):
            return getattr(self.original, name)(items, *args, **options)
        if len(items) > _OBJECTS and not isinstance(items, (range, Stand)) and not is_table(items):
            raise recording.refusal(
                f"random.{name} takes one of {len(items)} things, and each of them would need a program of its own",
                f"take one of at most {_OBJECTS}, or draw outside and pass it as an argument; of arrays of one shape "
                "write i = random.randrange(n), and np.stack(arrays)[i]",
            )
        places = recording.draw(places_of, self.original, (name, len(items), *args), options)
        numbers = [places] if name == "choice" else list(places)
        chosen = [_item_of(items, recording.item(place, len(items) - 1)) for place in numbers]
        if name == "shuffle":
            items[:] = chosen
            return None
        return chosen[0] if name == "choice" else chosen

    return method


def _item_of(items: Any, place: Any) -> Any:
    if isinstance(items, range):
        return items.start + items.step * place
    return place.item_of(items) if type(items) in (list, tuple) else items[place]


def _shuffling(self: Any, x: Any, axis: int = 0) -> None:
    """``shuffle`` of NumPy's generators: a recorded array gets its rows in an order that is drawn."""
    recording = recorder()
    if recording is None or axis or not isinstance(x, np.ndarray):
        self.original.shuffle(x, **({"axis": axis} if axis else {}))
    elif Stand in type(x).__mro__:
        x[...] = x[recording.draw(places_of, self.original, ("shuffle", len(x)))]
    else:
        recording.wants_arrays = True
        raise recording.refusal(
            "an array is shuffled in place, which nobody can see", "write order = rng.permutation(len(x)), and x[order]"
        )


def _listed(x: Any) -> Any:
    """A short array of numbers as a list, in which the text of a program has them; who changes one is watched."""
    is_short = type(x) is np.ndarray and x.ndim and x.size <= _SHORT and x.dtype in (np.float64, np.int64)
    return x.tolist() if is_short else x


def _is_plain(x: Any) -> bool:
    return all(map(_is_plain, x)) if type(x) in (tuple, list) else isinstance(x, _PLAIN)
