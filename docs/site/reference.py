"""The reference: a page for each public module, written from its ``__all__``. No tool of the site is needed here."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.core import table
from minigrad.core.table import Op
from minigrad.distributions.family import Discrete, Family
from minigrad.ops.examples import examples


def module_page(name: str) -> str:
    """The page of a module, in Markdown."""
    module = importlib.import_module(name)
    parts = [f"# {name}", "", as_markdown(module.__doc__ or "")]
    modules = [one for one in sorted(module.__all__, key=str.casefold) if inspect.ismodule(getattr(module, one))]
    if modules:
        parts += ["", "Modules: " + ", ".join(f"`{one}`" for one in modules) + "."]
    for one in sorted(set(module.__all__) - set(modules), key=str.casefold):
        parts += ["", f"## {one}", "", *_entry(module, one)]
    return "\n".join([*parts, ""])


def modules_in(name: str) -> list[str]:
    """The names of a public module that are modules themselves."""
    module = importlib.import_module(name)
    return [one for one in module.__all__ if inspect.ismodule(getattr(module, one))]


def _entry(module: ModuleType, name: str) -> Iterator[str]:
    """What there is to say of one name: how it is called, what it says, where its formulas are."""
    thing = getattr(module, name)
    short = "mg" if module.__name__ == "minigrad" else module.__name__.replace("minigrad.nn.functional", "F")
    short = short.replace("minigrad.", "mg.") if short != "F" else short
    yield from ("```python", call(f"{short}.{name}", thing), "```", "")
    said = inspect.getdoc(thing) if inspect.isclass(thing) or inspect.isroutine(thing) else ""
    yield as_markdown(said) if said else _value(thing)
    shown = "" if said else example(module.__name__, name)
    if shown:
        yield f"\n```pycon\n{shown}\n```"
    if isinstance(getattr(thing, "op", None), Op) or name in table.derived_ops:
        yield f"\nFormulas, domain and certificate: [operations](../operations.md), or `python -m minigrad ops {name}`."
    if inspect.isclass(thing) and thing.__module__.startswith("minigrad"):
        yield from _members(thing, module)


def _value(thing: Any) -> str:
    """What a value is: a family by its parameters, a dict by its keys, an object by its class, all else by its repr."""
    if isinstance(thing, dict):
        return f"A dict with the keys {', '.join(f'`{key}`' for key in thing)}."
    if not isinstance(thing, Family):
        own = type(thing).__module__.startswith("minigrad")
        return as_markdown(inspect.getdoc(type(thing)) or "") if own else f"It is `{thing!r}`."
    shapes = ", ".join(f"`{name}`" for name in thing.shapes)
    beside = f"{shapes}, `loc` and `scale`" if shapes else "`loc` and `scale`"
    return f"A family of distributions with the parameters {beside}, and the methods that the page begins with."


def example(module: str, name: str) -> str:
    """The example of a public name that has no docstring of its own: of a value, or a family of distributions."""
    thing = getattr(importlib.import_module(module), name)
    if not isinstance(thing, Family):
        return examples().get(f"{module}.{name}", "")
    method = "logpmf" if isinstance(thing.functions, Discrete) else "logpdf"
    places = ((1, 2), (0, 1)) if method == "logpmf" else ((0.8, 1.5), (0.3, 0.8), (1.5, 2.0), (-0.8, -1.5))
    found = ((list(x), getattr(thing, method)(mg.tensor(list(x)), **thing.shapes)) for x in places)
    x, value = next(pair for pair in found if np.isfinite(pair[1].data).all())  # in the support
    shapes = [f"{k}={v:g}" for k, v in thing.shapes.items()]
    line = f"mg.stats.{name}.{method}({', '.join([f'mg.tensor({x})', *shapes])})"
    with np.printoptions(precision=4):
        return f">>> {line}\n{value!r}"


class _As:
    """A text that stands in a signature as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def call(name: str, thing: Any) -> str:
    """The name with its signature, if it has one."""
    if not callable(thing):
        return name
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return f"{name}(...)"
    plain = [_plain(parameter) for parameter in signature.parameters.values()]
    result = _noted(signature.return_annotation)
    text = f"{name}{inspect.Signature(plain, return_annotation=result)}"
    if len(text) < 110 or len(plain) < 2:
        return text
    lines = str(inspect.Signature(plain)).strip("()")  # with the marks for what is given by position or by name
    marks = [part for part in ("/", "*") if f", {part}," in f", {lines},"]
    shown = [f"    {parameter}," for parameter in plain] if not marks else [f"    {lines}"]
    end = "" if result is inspect.Signature.empty else f" -> {result!r}"
    return "\n".join([f"{name}(", *shown, f"){end}"])


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter whose annotation is text without quotes, and whose default says its name rather than its address."""
    default = parameter.default
    if default is not parameter.empty and (callable(default) or " at 0x" in repr(default)):
        default = _As(getattr(default, "__qualname__", None) or type(default).__name__)
    return parameter.replace(annotation=_noted(parameter.annotation), default=default)


def _noted(annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty:
        return annotation
    return _As(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def _members(kind: type, module: ModuleType) -> Iterator[str]:
    """The methods and properties of a class, a paragraph each; those of a base that has an entry stand there."""
    listed = {getattr(module, name) for name in module.__all__ if inspect.isclass(getattr(module, name))}
    bases = [base for base in kind.__mro__[1:] if base in listed]
    for name, member in sorted(inspect.getmembers_static(kind)):
        home = next((base for base in kind.__mro__ if name in vars(base)), kind)
        if name.startswith("_") or not home.__module__.startswith("minigrad") or home in bases:
            continue
        plain = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        if isinstance(plain, property):
            yield f"\n**`.{name}`**: {as_markdown(inspect.getdoc(plain) or '')}"
        elif inspect.isfunction(plain):
            yield f"\n**`.{call(name, plain)}`**: {as_markdown(inspect.getdoc(plain) or '')}"
    if bases:
        yield f"\nIt has what {' and '.join(f'[{base.__name__}](#{base.__name__.lower()})' for base in bases)} has."


def as_markdown(text: str) -> str:
    """A docstring as Markdown: code in double backticks, examples and indented blocks as they are."""
    parts = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(inspect.cleandoc(text))):
        if block.strip() == "::":  # what follows is indented
            continue
        lines = block.split("\n")
        if lines[0].startswith(">>>"):
            parts.append(f"```pycon\n{block}\n```")
        elif all(line.startswith("  ") for line in lines) or "====" in lines[0]:
            parts.append(f"```text\n{textwrap.dedent(block)}\n```")
        elif lines[0].startswith(("- ", "* ")):
            parts.append("\n".join(map(_line, lines)))
        else:
            parts.append(_line(" ".join(line.strip() for line in lines)))
    return "\n\n".join(parts)


def _line(text: str) -> str:
    """A line of prose, escaped for Markdown outside of its code."""
    pieces = re.split(r"(``.+?``|`[^`]+`)", text)
    return "".join(
        f"`{piece.strip('`')}`" if index % 2 else re.sub(r"(?<!^)([*_<\[\]|$#\\])", r"\\\1", piece)
        for index, piece in enumerate(pieces)
    )
