"""``layer_of``: a layer that is a function, and the options that it is called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from operator import attrgetter, is_
from typing import Any, ClassVar, TypeVar, dataclass_transform

from minigrad.core.checks import integer, real
from minigrad.nn.flops import FLOPS, Count, each
from minigrad.nn.functional.windows import sizes_of
from minigrad.nn.module import Module
from minigrad.support.fields import ME, take_fields

Layer = TypeVar("Layer", bound="FunctionLayer")


#: What an option must be whose annotation is one of these.
_KINDS: dict[str, Callable[[str, str, Any], Any]] = {"int": integer, "float": real}


class FunctionLayer(Module):
    """The base of layers that call a function of ``minigrad.nn.functional`` and hold its options as attributes."""

    _function: ClassVar[Callable[..., Any]]
    _names: ClassVar[tuple[str, ...]] = ()
    _arguments: ClassVar[dict[str, inspect.Parameter]]
    _values: ClassVar[attrgetter[tuple[Any, ...]]]  # gives those of the options, of a layer
    _usual: ClassVar[tuple[Any, ...]] = ()

    def _take(self, **options: Any) -> None:
        vars(self).update(options)
        self._check()
        for name, value in options.items():
            check = _KINDS.get(self._arguments[name].annotation)
            if check is not None:
                check(type(self).__name__, name, value)

    def _check(self) -> None:
        """Raise ``HyperparameterError`` for an option that the function would refuse at the first call."""

    def _unusual(self) -> dict[str, Any]:
        """The options, or nothing where all are as usual: passing them takes half a microsecond."""
        values = self._values(self)
        return {} if all(map(is_, values, self._usual)) else dict(zip(self._names, values[1:], strict=True))

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "training")


@dataclass_transform(eq_default=False)  # a type checker reads the attributes as what __init__ takes
def layer_of(function: Callable[..., Any], flops: int | Count | None = None) -> Callable[[type[Layer]], type[Layer]]:
    """Make a class a layer of ``function``: its annotated attributes are the options, and what ``__init__`` takes.

    A class that defines no ``forward`` gets one, which takes the arguments of the function that have no default.
    ``flops`` is how many operations it takes for each element of the output, or a formula as in
    ``minigrad.nn.flops``.
    """

    def completed(cls: type[Layer]) -> type[Layer]:
        cls._function, cls._names = staticmethod(function), take_fields(cls)
        cls._values = attrgetter(
            "_names", *cls._names
        )  # one name more than there are options: of one it gives no tuple
        cls._usual = (cls._names, *_usual(function, cls))
        if cls.forward is Module.forward:
            target: Any = cls
            target.forward = _forward(function, cls._names)
        if flops is not None:
            FLOPS[cls.__name__] = flops if callable(flops) else each(flops)
        return cls

    return completed


def _usual(function: Callable[..., Any], cls: type[FunctionLayer]) -> list[Any]:
    """The values of options that need not be said: a default of the class, if it is also that of the function."""
    if not cls._names:
        return []
    of_function = inspect.signature(function).parameters
    defaults = [(getattr(cls, name, ME), of_function[name].default) for name in cls._names]
    return [ours if ours == theirs else ME for ours, theirs in defaults]  # which no option is


def _forward(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    of_function = inspect.signature(function).parameters.values()
    taken = [parameter for parameter in of_function if parameter.default is parameter.empty]
    count = len(taken)

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) == count and not kwargs:
            return function(*args, **self._unusual())
        # All of them, so that an option among the arguments is one too many.
        return function(*args, **kwargs, **{name: getattr(self, name) for name in names})

    named: Any = forward
    named.__signature__ = inspect.Signature([ME, *taken], return_annotation="Any")
    named.__doc__ = f"``{function.__name__}`` of these and the options."
    return forward


class AxesLayer(Module):
    """The base of layers with twins for images of one, two and three axes.

    A subclass names the number of its axes and its function: ``class Conv2d(_Conv, axes=2, function=F.conv2d)``.
    """

    _axes: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, axes: int = 0, function: Callable[..., Any] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if function is not None:
            cls._axes, cls._function = axes, staticmethod(function)

    def _sizes(self, name: str, value: Any, least: int) -> tuple[int, ...]:
        """A size for each axis. Raises ``HyperparameterError``."""
        return sizes_of(value, self._axes, f"{type(self).__name__}: {name}", least)
