"""``ops``: the operations, or all that is known of one: example, formulas, domain, conventions, certificate."""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import minigrad as mg
from minigrad.core import table
from minigrad.ops.examples import examples
from minigrad.viz.formula_text import domain_text, formula_texts

NAME = "ops"

#: Where a function of the table is called by users.
PLACES = {
    "mg": "minigrad",
    "F": "minigrad.nn.functional",
    "mg.linalg": "minigrad.linalg",
    "mg.fft": "minigrad.fft",
    "mg.special": "minigrad.special",
}
#: Parameters that are there to be refused (``minigrad.support.idioms``).
_REFUSED = ("dim", "keepdim")
#: Conventions and certificates, which ``python -m tests.known_operations`` writes from the pages that tests hold.
KNOWN = Path(__file__).with_name("known_operations.json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """A name, or none."""
    parser.add_argument("name", nargs="?", help="an operation, such as tanh; without it, all are listed")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """The list, or the page of one. Raises ``LookupError`` for a name that the table has not."""
    for place in PLACES.values():  # SciPy's rows are imported when they are asked for
        importlib.import_module(place)
    yield from (one(chosen.name.rpartition(".")[2]) if chosen.name else everything())


def everything() -> Iterator[str]:
    """A line for each function that users call."""
    named = {name: place for name in sorted(table.ops) if name in table.builtin and (place := called(name))}
    wide = max(map(len, named.values()))
    for name, place in named.items():
        yield f"{place:{wide}}  {textwrap.shorten(_summary(table.ops[name]), 110 - wide, placeholder=' ...')}\n"


def one(name: str) -> Iterator[str]:
    """What is known of a function of the table."""
    function = table.ops.get(name)
    if function is None:
        near = difflib.get_close_matches(name, table.ops, 3)
        hint = f"did you mean {', '.join(near)}?" if near else "python -m minigrad ops lists them"
        raise LookupError(f"no operation is called {name!r}: {hint}")
    op = getattr(function, "op", None)
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    plain = [p.replace(annotation=p.empty) for p in inspect.signature(function).parameters.values()]
    yield f"{called(name) or name}{inspect.Signature([p for p in plain if p.name not in _REFUSED])}\n\n"
    yield from _filled(_summary(function))
    shown = examples().get(name, "")
    if shown:
        yield "\nexample\n"
        yield from (f"  {line[4:] if line[:3] in {'>>>', '...'} else f'# {line}'}\n" for line in shown.splitlines())
    numpy = sorted(path for path in _numpy_names(function) if path.startswith(("numpy.", "scipy.")))
    if numpy:
        yield f"\nanswers  {', '.join(numpy)}\n"
    if isinstance(op, table.Op):
        yield "\nformulas (g is dL/d(output), z the output)\n"
        yield from (f"  d{argument} = {text}\n" for argument, text in formula_texts(op))
        yield f"\ndomain   {domain_text(op.domain, op.arguments)}\n"
    else:
        row = table.derived_ops.get(name)
        yield "\nformulas  none of its own: it is made of other operations\n"
        if row is not None and row.domain is not None:
            yield f"\ndomain   {domain_text(row.domain, tuple(inspect.signature(row.function).parameters))}\n"
    rows = [row for named, *row in known["conventions"] if named == name]
    if rows:
        yield "\nconventions\n"
        yield from (f"  {expression} at {at}: {gradient} ({why})\n" for expression, at, gradient, why in rows)
    certificates = (text for text, names in known["certificates"].items() if name in names.split())
    yield f"\ncertificate  {next(certificates, 'none: it did not come with the package')}\n"


def called(name: str) -> str:
    """How users call a function of the table, such as "mg.linalg.inv"; "" where formulas alone do."""
    for short, place in PLACES.items():
        if callable(vars(importlib.import_module(place)).get(name)):
            return f"{short}.{name}"
    return "" if not hasattr(mg.Tensor, name) else f"Tensor.{name}"


def _summary(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split("\n\n")[0].split())


def _filled(text: str) -> Iterator[str]:
    yield from (line + "\n" for line in textwrap.wrap(text, 100))


def _numpy_names(function: Any) -> set[str]:
    """The paths of the functions of NumPy and SciPy that tensors answer with this one, and others."""
    keys = [key for key, f in table.numpy_functions.items() if f is function and key in table.builtin]
    return {key if isinstance(key, str) else table.path_of(key) for key in keys}
