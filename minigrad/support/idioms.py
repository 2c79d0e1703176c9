"""Names of other frameworks, and the line to write here, which errors tell: the table is ``idioms.txt``.

An attribute that is not there, or a keyword argument of another framework, raises an error with the line of its row.
The table is read at the import, which takes half a millisecond; all else runs when something is missing.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def _read() -> dict[str, dict[str, str]]:
    """Section -> name -> line."""
    tables: dict[str, dict[str, str]] = {}
    with open(os.path.join(os.path.dirname(__file__), "idioms.txt"), encoding="utf-8") as file:
        for row in file.read().splitlines():
            if row.startswith("["):
                section = tables.setdefault(row[1:-1], {})
            elif row and not row.startswith("#"):
                names, _, line = row.partition("  ")
                section.update(dict.fromkeys(names.split("/"), line.strip()))
    return tables


TABLES = _read()
_PACKAGE = __name__.partition(".")[0]
TENSOR, KEYWORDS = TABLES["Tensor"], TABLES["keywords"]

#: The options that an op has, and what other frameworks call them.
_OPTIONS = {"axis": ("dim",), "axes": ("dim", "dims"), "keepdims": ("keepdim",), "ddof": ("unbiased", "correction")}
#: Options that ops have elsewhere, and here none like them.
_OF_OPS = {
    **dict.fromkeys(("celu", "elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish"), ("inplace",)),
    **dict.fromkeys(("relu", "relu6", "selu", "sigmoid", "silu", "softplus", "tanh", "threshold"), ("inplace",)),
    "clip": ("min", "max"),
    "sort": ("descending",),
    "transpose": ("dim1", "dim0"),
    "flip": ("dims",),
    "roll": ("dims",),
}


def foreign_options(name: str, options: Iterable[str]) -> list[str]:
    """The names under which other frameworks take the options of an op, in the order of their arguments."""
    named = [foreign for option in options for foreign in _OPTIONS.get(option, ())]
    return [*_OF_OPS.get(name, ()), *named]


#: Where a name may be found that is asked for elsewhere.
PLACES = {
    "minigrad": "mg",
    "minigrad.nn": "nn",
    "minigrad.nn.functional": "F",
    "minigrad.optim": "optim",
    "minigrad.optim.schedules": "optim.schedules",
    "minigrad.nn.init": "nn.init",
    "minigrad.linalg": "mg.linalg",
    "minigrad.fft": "mg.fft",
    "minigrad.special": "mg.special",
    "minigrad.data": "data",
    "minigrad.train": "train",
    "minigrad.viz": "mg.viz",
    "minigrad.autograd": "mg.autograd",
    "numpy": "np",
    "numpy.linalg": "np.linalg",
}


def said(line: str) -> str:
    """A line of the table as the end of a message."""
    code, _, reason = line.partition("#")
    if not code:
        return reason.strip()
    return f"write {code.strip()}{f' ({reason.strip()})' if reason else ''}"


class Elsewhere:
    """A name that a class does not have, and other frameworks do.

    Not a ``__getattr__``: a class that has one pays for it at every attribute, so at every op (14 % of a multiplication
    of scalars, Python 3.11).
    """

    def __init__(self, owner: str, name: str, line: str) -> None:
        self._said = owner, name, line

    def __get__(self, instance: Any, owner: type) -> NoReturn:
        owner_name, name, line = self._said
        raise AttributeError(f"{owner_name} has no {name!r}; {said(line)}", name=name, obj=instance)


def refuse_names(owner: type, called: str) -> None:
    """Let a class say what to write for the names of its section."""
    for name, line in TABLES[owner.__name__].items():
        setattr(owner, name, Elsewhere(called, name, line))


class Count(int):
    """``x.size``: a number, as in NumPy. In PyTorch it is a method that gives the shape.

    NumPy takes only an ``int`` itself for a number without a dtype, so to NumPy it is given as one.
    """

    def __call__(self, *axes: Any, **options: Any) -> NoReturn:
        """Refused, with what to write."""
        axis = axes[0] if axes else options.get("dim")
        instead = "x.shape" if axis is None else f"x.shape[{axis}]"
        raise TypeError(f"x.size is the number of elements, {int(self)}, as in NumPy; write {instead}")

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return int, (int(self),)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*_plain(inputs), **options)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        return function(*_plain(args), **{name: _plain(value) for name, value in options.items()})


def _plain(value: Any) -> Any:
    """The same with ints for all Counts in it."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return int(value) if isinstance(value, Count) else value


class MissingNameError(AttributeError):
    """A module has no such name; the message is looked up when it is read, for ``hasattr`` and imports ask too."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(f"{module} has no attribute {name!r}")
        self.name, self.module = name, module

    def __str__(self) -> str:
        return f"{self.module} has no attribute {self.name!r}; {_instead(self.module, str(self.name))}"


def missing_from(module: str) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module."""

    def missing(name: str) -> NoReturn:
        raise MissingNameError(module, name)

    return missing


class _Imports:
    """A finder of modules that knows none: it says what to write where an import of a part of the package fails.

    Python asks it after all others. Without it, an import has a message of its own in the place of ``__getattr__``'s.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG004 - what Python gives
        """Raise ``ModuleNotFoundError`` for a name in the package."""
        module, _, missing = name.rpartition(".")
        if module.startswith(_PACKAGE):
            text = f"{module} has no {missing!r}; {_instead(module, missing)}"
            # Python takes an error with the whole name for the answer "no module", and gives its own message.
            raise ModuleNotFoundError(text, name=missing)


def answer_imports() -> None:
    """Let ``from minigrad.optim import lr_scheduler`` say what to write."""
    if all(getattr(finder, "__module__", None) != __name__ for finder in sys.meta_path):
        sys.meta_path.append(_Imports())


def _instead(module: str, name: str) -> str:
    """The line to write for a name that a module does not have."""
    for rows in (TABLES.get(module, {}), *[TABLES.get(each, {}) for each in PLACES]):
        if name in rows:
            return said(rows[name])
    for path, short in PLACES.items():
        public = vars(importlib.import_module(path)) if path != module else {}
        if name in public and not inspect.ismodule(public[name]):
            return f"write {short}.{name}"
    known = [each for each in dir(importlib.import_module(module)) if not each.startswith("_")]
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else f"dir({module}) lists what it has"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error: it takes time to import

    return next(iter(get_close_matches(name, list(known), 1, 0.7)), None)


def refuse_keywords(owner: str, keywords: Iterable[str], taken: Iterable[str] = (), what: str = "") -> NoReturn:
    """Raise ``TypeError`` for a keyword argument that a function does not have, with what to write.

    ``taken`` names those that it has, and ``what`` shows them; where they are given, rows of ops do not count.
    """
    name = next(iter(keywords))
    line = KEYWORDS.get(f"{owner}.{name}", None if what else KEYWORDS.get(name))
    close = closest(name, taken) if line is None else None
    hint = said(line) if line is not None else f"did you mean {close}=?" if close else what and f"it takes {what}"
    raise TypeError(f"{owner} has no option {name}=" + (f"; {hint}" if hint else ""))


def told(function: Callable[P, T]) -> Callable[P, T]:
    """The function; where it does not take the arguments, its error says what to write."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            return function(*args, **options)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is None:  # no line of it has run
                _refuse_arguments(function, args, options)
            raise

    return call


def _refuse_arguments(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    owner = function.__qualname__.rpartition(".")[2]
    signature, shown = inspect.signature(function), args
    if "self" in signature.parameters:
        owner = type(args[0]).__name__ if owner == "__init__" else owner
        signature, shown = _without(signature, "self"), args[1:]
    taken = signature.parameters
    what = str(_without(signature))
    for name in options:
        if name not in taken:
            refuse_keywords(owner, [name], taken, what)
    try:
        signature.bind(*shown, **options)
    except TypeError as error:
        line = KEYWORDS.get(f"{owner}()")
        raise TypeError(f"{owner}: {error}; {f'it takes {what}' if line is None else said(line)}") from None


def _without(signature: inspect.Signature, name: str = "") -> inspect.Signature:
    """A signature without annotations, and without a parameter."""
    others = (p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != name)
    return inspect.Signature(list(others))


def check_options(kind: type, args: tuple[Any, ...], options: Iterable[str]) -> None:
    """Raise ``TypeError`` for an option that a class does not take; a class of the user's, only for foreign ones.

    A class without an ``__init__`` takes no arguments: Python lets them pass where there is a ``__new__``.
    """
    own: Any = kind
    if own.__init__ is object.__init__:
        if options:
            refuse_keywords(kind.__name__, options)
        if args:
            raise TypeError(f"{kind.__name__}() takes no arguments, got {len(args)}")
        return
    code = getattr(own.__init__, "__code__", None)
    if code is None:  # of C, or wrapped by an object: it says itself what it takes
        return
    ours = own.__init__.__module__.partition(".")[0] == _PACKAGE
    unknown = [name for name in options if ours or name in KEYWORDS or f"{kind.__name__}.{name}" in KEYWORDS]
    if set(unknown) <= set(code.co_varnames):
        return
    signature = _without(inspect.signature(own.__init__), "self")
    taken = signature.parameters
    unknown = [name for name in unknown if name not in taken]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        known = any(name in KEYWORDS for name in unknown)
        refuse_keywords(kind.__name__, unknown, taken, "" if known else str(signature))
