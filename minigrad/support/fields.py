"""Classes that state their arguments once, as annotated attributes: name, type and default in one line.

That is how dataclasses do it, so type checkers and editors know it (``typing.dataclass_transform``). A dataclass itself
takes 0.4 ms to make at the import, for each class, because it compiles text. Here the arguments are bound when an
object is made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

#: The first parameter of a method.
ME = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)


def take_fields(cls: type) -> tuple[str, ...]:
    """Give ``cls`` an ``__init__`` whose arguments are its annotated attributes; returns their names.

    Those of its bases come first, and keep their place where ``cls`` gives another default. What follows
    ``_: KW_ONLY`` is given by name; of an ``InitVar`` a type checker knows that no attribute is made. The method
    ``_take`` gets all values, by name. A class without fields keeps the ``__init__`` that it has.
    """
    fields: dict[str, Parameter] = dict(getattr(cls, "_arguments", {}))
    by_name = False
    for name, annotation in inspect.get_annotations(cls).items():
        if annotation == "KW_ONLY":
            by_name = True
        elif not annotation.startswith("ClassVar"):
            kind = Parameter.KEYWORD_ONLY if by_name else Parameter.POSITIONAL_OR_KEYWORD
            default = vars(cls).get(name, Parameter.empty)
            text = annotation[len("InitVar[") : -1] if annotation.startswith("InitVar[") else annotation
            fields[name] = Parameter(name, kind, default=default, annotation=text)
    target: Any = cls
    target._arguments = fields
    if fields:
        target.__init__ = _initialiser(cls, sorted(fields.values(), key=lambda field: field.kind))
    return tuple(fields)


def _initialiser(cls: type, fields: list[Parameter]) -> Callable[..., None]:
    signature = inspect.Signature([ME, *fields], return_annotation="None")

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it becomes one
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            taken = inspect.Signature([field.replace(annotation=Parameter.empty) for field in fields])
            raise TypeError(f"{cls.__qualname__}.__init__() {error}; it takes {taken}") from None
        bound.apply_defaults()
        del bound.arguments["self"]
        self._take(**bound.arguments)

    initializer: Any = __init__
    initializer.__signature__ = signature
    initializer.__qualname__, initializer.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return __init__
