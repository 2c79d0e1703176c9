"""Objects whose arrays lie elsewhere, such as on a device, until somebody looks.

Such an object has a class of its own, made of the class that it had: in the place of an attribute that leads to the
arrays stands a property, which brings all of them back and is the plain attribute from then on. Who looks pays, and an
object at home costs nothing. Leaves keep their class, since the walk asks for it: the slot of a gradient is empty, and
who reads it by way of the leaf asks ``bring`` first.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np


class Lodging(Protocol):
    """Where arrays are meanwhile."""

    def come_home(self) -> None:
        """Bring all of them back."""


class Keeper(Protocol):
    """An object that holds arrays that nobody else does, such as the momenta of an optimizer."""

    #: The attributes that lead to them.
    KEPT: tuple[str, ...]

    def kept(self) -> list[np.ndarray]:
        """The arrays."""

    def tensors(self) -> Sequence[Any]:
        """The tensors whose data are views of them."""

    def take(self, arrays: list[np.ndarray]) -> None:
        """The same numbers in other memory. The tensors lie there already."""


#: The id of an array: who keeps it.
KEEPERS: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

#: The id of a leaf: where its gradient is, if it is away.
GRADIENTS: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

LODGINGS: weakref.WeakSet[Any] = weakref.WeakSet()

_set_class: Callable[[Any, type], None] = object.__dict__["__class__"].__set__


def keep(keeper: Any) -> None:
    """Note whose the arrays of an object are."""
    for array in keeper.kept():
        KEEPERS[id(array)] = keeper


def keeper_of(array: np.ndarray) -> Any:
    """Who keeps an array, or None."""
    keeper = KEEPERS.get(id(array))
    return keeper if keeper is not None and any(array is one for one in keeper.kept()) else None


def class_away(kind: type, names: Iterable[str], lodging: Lodging, **members: Any) -> type:
    """The class of an object of this kind whose attributes ``names`` are away."""

    def through(name: str) -> property:
        def get(self: Any) -> Any:
            come(self)
            return getattr(self, name)

        def put(self: Any, value: Any) -> None:
            come(self)
            setattr(self, name, value)

        return property(get, put)

    def come(self: Any) -> None:
        lodging.come_home()
        if type(self) is stand_in:  # made by hand of what is away
            set_class(self, kind)

    def reduced(self: Any, protocol: Any) -> Any:
        come(self)
        return self.__reduce_ex__(protocol)

    attributes: dict[str, Any] = {name: through(name) for name in names}
    attributes |= {"__slots__": (), "__class__": property(lambda _: kind), "__reduce_ex__": reduced}
    attributes |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__, **members}
    stand_in = type(kind.__name__, (kind,), attributes)
    return stand_in


def set_class(x: Any, kind: type) -> None:
    """Let an object be of another class, whatever its class says of ``__class__``."""
    _set_class(x, kind)


def bring(leaves: Iterable[Any]) -> None:
    """Bring home the gradients of leaves."""
    if GRADIENTS:
        for leaf in leaves:
            lodging = GRADIENTS.get(id(leaf))
            if lodging is not None:
                lodging.come_home()


def has_gradient(leaf: Any) -> bool:
    """Whether a leaf has a gradient, here or away."""
    return getattr(leaf, "grad", leaf) is not None


#: Whether a step was recorded since somebody has looked, as a list that is empty or not.
recorded: list[bool] = []


def bring_all() -> None:
    """Bring everything home: before a step is recorded, and before the process is copied."""
    recorded[:] = [True]
    for lodging in list(LODGINGS):
        lodging.come_home()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=bring_all)
