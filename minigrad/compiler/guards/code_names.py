"""What the code of a function mentions, and whose code it is: the user's, or a library's."""

from __future__ import annotations

import dis
import functools
import itertools
import os
import re
import sys
from types import CodeType

from minigrad.core.watching import Place
from minigrad.support.codegen import GENERATED
from minigrad.support.user_warnings import PACKAGE

#: Names by which code may get at any attribute.
ANY_NAME = frozenset(
    """
    getattr vars __dict__ eval exec globals locals attrgetter methodcaller getmembers __getattribute__ asdict astuple
    dir __getstate__ f_locals f_globals
    """.split()
)

#: Functions that print or log in passing; replays leave them out.
SPEAKING = frozenset(
    """
    print write writelines writerow debug info warning error critical exception log warn set_description set_postfix
    save savefig dump add_scalar
    """.split()
)

_WORD = re.compile(r"[^\W\d]\w*")


@functools.cache
def globals_in(code: CodeType) -> tuple[str, ...]:
    """The globals that code reads or puts something into: its names without those of attributes."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL")]
    inner = [name for x in code.co_consts if isinstance(x, CodeType) for name in globals_in(x)]
    return tuple(dict.fromkeys([*names, *inner]))


@functools.cache
def only_called(code: CodeType, name: str) -> bool:
    """Whether code does nothing else with a global than to call it: then another function may stand there."""
    for x in dis.get_instructions(code):
        if x.argval == name and x.opname in ("LOAD_NAME", "STORE_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"):
            return False
        if x.argval == name and x.opname == "LOAD_GLOBAL" and not (x.arg or 0) & 1:  # what is called has the last bit
            return False
    return all(only_called(x, name) for x in code.co_consts if isinstance(x, CodeType))


@functools.cache
def imports_in(code: CodeType) -> tuple[str, ...]:
    """The modules that code imports when it runs."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname == "IMPORT_NAME"]
    inner = [name for x in code.co_consts if isinstance(x, CodeType) for name in imports_in(x)]
    return tuple(dict.fromkeys([*names, *inner]))


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """The names that code mentions, of globals, attributes and modules, and words in strings, which may be such."""
    names = {*code.co_names, *code.co_freevars, *code.co_cellvars}
    for constant in code.co_consts:
        names |= _words_in(constant)
    return frozenset(names)


@functools.cache
def attributes_in(code: CodeType) -> frozenset[str]:
    """The names of attributes alone, and words in strings."""
    names = {x.argval for x in dis.get_instructions(code) if "ATTR" in x.opname or x.opname in _OF_ATTRIBUTES}
    for constant in code.co_consts:
        names |= attributes_in(constant) if isinstance(constant, CodeType) else _words_in(constant)
    return frozenset(names)


@functools.cache
def loaded_from(code: CodeType) -> frozenset[tuple[str, str]]:
    """(variable, attribute) of each attribute that is read of a variable directly: ``np.exp``."""
    instructions = [x for x in dis.get_instructions(code) if x.opname not in ("CACHE", "EXTENDED_ARG")]
    pairs = {
        (one.argval, other.argval)
        for one, other in itertools.pairwise(instructions)
        if one.opname in _OF_VARIABLES and other.opname in ("LOAD_ATTR", "LOAD_METHOD")
    }
    return frozenset(pairs).union(*[loaded_from(x) for x in code.co_consts if isinstance(x, CodeType)])


@functools.cache
def spoken_in(code: CodeType) -> frozenset[tuple[str, str]]:
    """(variable, attribute) wherever code says something: "" is no attribute, or an attribute of no such variable.

    ``x.log()`` is a logarithm: a method of the user's that says something is code in reach itself.
    """
    instructions = [x for x in dis.get_instructions(code) if x.opname not in _IN_BETWEEN]
    said = {(x.argval, "") for x in instructions if x.argval in SPEAKING and x.opname in _OF_VARIABLES}
    for one, other, third in zip(instructions, instructions[1:], instructions[2:], strict=False):
        if other.argval in SPEAKING and other.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if other.argval == "log" and third.opname == "CALL" and not third.arg:
                continue
            said.add((one.argval if one.opname in _OF_VARIABLES else "", other.argval))
    return frozenset(said).union(*[spoken_in(x) for x in code.co_consts if isinstance(x, CodeType)])


@functools.cache
def asks_for_flags(code: CodeType) -> bool:
    """Whether code asks if something is a flag itself: ``flag is True``, ``flag is self.flag``, a case of ``match``."""
    instructions = [x for x in dis.get_instructions(code) if x.opname not in _IN_BETWEEN]
    pairs = itertools.pairwise(instructions)
    against = [one for one, other in pairs if other.opname == "IS_OP"]  # None, in most code
    asks = any(x.opname != "LOAD_CONST" or type(x.argval) is bool for x in against)
    return asks or any(asks_for_flags(x) for x in code.co_consts if isinstance(x, CodeType))


#: Instructions that do nothing by themselves, in one version of Python or another.
_IN_BETWEEN = ("CACHE", "EXTENDED_ARG", "PRECALL", "PUSH_NULL")
_OF_VARIABLES = ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME")
_OF_ATTRIBUTES = ("LOAD_METHOD", "IMPORT_FROM")


def _words_in(constant: object) -> frozenset[str] | set[str]:
    if isinstance(constant, CodeType):
        return names_in(constant)
    if isinstance(constant, str) and len(constant) < 1000:  # "scale", "{0.scale}", "scale rate"
        return set(_WORD.findall(constant))
    if isinstance(constant, (tuple, frozenset)):
        return {word for item in constant for word in _words_in(item)}
    return set()


def line_of(code: CodeType, names: frozenset[str]) -> str:
    """The first line of code that mentions one of ``names`` as an attribute, else as a global: with its text, or ""."""
    instructions = list(dis.get_instructions(code))
    for wanted in (("ATTR", "METHOD"), ("GLOBAL", "DEREF", "NAME")):
        for x in instructions:
            if x.argval in names and any(part in x.opname for part in wanted) and x.positions and x.positions.lineno:
                return str(Place(code.co_filename, x.positions.lineno))
    inner = [line_of(x, names) for x in code.co_consts if isinstance(x, CodeType)]
    return next(filter(None, inner), "")


#: The beginnings of names of files that do not exist: Python, NumPy and this package make them.
_MADE = ("<frozen ", GENERATED, "<__array_function__ internals>")


@functools.cache
def is_library(path: str) -> bool:
    """Whether a file is of this package, of Python or of an installed one."""
    full = os.path.abspath(path)
    if path.startswith("<"):  # typed in, in a session or a notebook, if it is not made by Python or this package
        return path.startswith(_MADE)
    # Not all that is below sys.prefix: a project may lie in /usr/src.
    installed = {"site-packages", "dist-packages"} & set(full.split(os.sep))
    return not path or bool(installed) or full.startswith((PACKAGE, os.path.dirname(os.__file__) + os.sep))


def is_of_package(name: str | None) -> bool:
    """Whether a module, by its name, is one of minigrad's."""
    return name is not None and (name == "minigrad" or name.startswith("minigrad."))


def file_of(module: object) -> str | None:
    """The file of a module, without asking a ``__getattr__`` of its own."""
    return getattr(module, "__dict__", {}).get("__file__")


def module_of(kind: type) -> str:
    """The module of a class by its name; a class made by other means may have none."""
    return kind.__module__ if isinstance(kind.__module__, str) else "?"


def is_foreign(kind: type) -> bool:
    """Whether a class is of a library other than this one: its code is fixed, and reads any attribute."""
    name = module_of(kind)
    if is_of_package(name):
        return False
    path = file_of(sys.modules.get(name))
    if path is None:
        return name == "?" or name in sys.builtin_module_names or name in sys.stdlib_module_names
    return is_library(path)


#: Libraries whose functions read no attributes of a user's objects, but for objects that code hands to them.
_KNOWN = frozenset({"numpy", "minigrad", "scipy", "numba", "llvmlite", "jax", "jaxlib"}) | sys.stdlib_module_names


def is_known(module: str | None) -> bool:
    """Whether a library is Python's own, or one of numbers."""
    return (module or "").partition(".")[0] in _KNOWN
