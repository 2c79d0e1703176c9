"""``docs/operations.md``, written from the table: ``python -m tests.operations_page docs/operations.md``.

With ``--check`` nothing is written: the page is made anew, certificates and all, and compared with the file.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import inspect
import math
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from minigrad import ops
from minigrad.core import table
from minigrad.nn import functional
from minigrad.testing.properties import ALWAYS
from tests.paragraphs import wrapped
from tests.samples import check

#: The functions by which a row enters the table (``minigrad.primitive``).
_DOORS = ("primitive", "elementwise", "routing", "moving")

#: Where the functions of the table are public.
_PLACES = ("minigrad", "minigrad.nn.functional", "minigrad.linalg", "minigrad.fft", "minigrad.special")

#: Parameters that are there to be refused (``minigrad.support.idioms``).
REFUSED = ("dim", "keepdim")

#: What formulas that are none mean.
_WITHOUT = {"None": "no gradient", "no_derivative": "no formula is known; a gradient is refused"}

MADE_OF_OTHERS = "- made of other functions, over a few lines"

#: How many examples a certificate is made from, the same ones each time.
EXAMPLES = 25

HEAD = f"""# Operations

Every function of the table, as `mg.f`, `np.f(tensor)` or in `minigrad.linalg`, `minigrad.fft`,
`minigrad.special` and `minigrad.nn.functional`. This page is written from the source by
`python -m tests.operations_page docs/operations.md`; a test keeps it in sync.

A **formula** stands as it does in the source: `g` is dL/d(output), `z` the output, and the other names are arguments,
their shapes (`x_shape`) or options; a name that begins with an underscore is defined in the same file. A function
**made of** others needs no formula. The **domain** is where the function is smooth, if that is not everywhere; the
text says what happens at kinks and singular points.

A **certificate** says what [`check_primitive`](testing.md#one-op-check_primitive) has checked:

- always: {", ".join(ALWAYS)};
- the derivatives of orders 1 and 2, compared with the values: by *whole steps* (to 1e-12, for affine functions), by a
  *complex step* (to 1e-9), or by extrapolated *differences* (to 1e-7); *constant* says that they are 0;
- last, which special inputs were among the examples: 0-d and empty arrays, views, broadcasting.
"""


def page(certify: Callable[[str], str]) -> str:
    """The whole page; ``certify`` gives the certificate of a function by its name."""
    parts = [HEAD]
    done: set[str] = set()
    for module in modules():
        entries = list(_entries(module, done))
        if entries:
            file = f"{module.__name__.replace('.', '/')}.py"
            title = _first_line(module.__doc__ or "").split(". ")[0].rstrip(".")
            parts.append(f"## {title}\n\n[{file}](../{file})\n")
            parts += [_entry(name, lines, certify(name)) for name, lines in entries]
    return "\n".join(parts)


def modules() -> list[ModuleType]:
    """The files of formulas, and those of functions made of them."""
    return [
        importlib.import_module(f"{package.__name__}.{m.name}")
        for package in (ops, functional)
        for m in pkgutil.iter_modules(package.__path__)
    ]


def names_in(module: ModuleType) -> list[str]:
    """The functions of the table that a file defines, in its order."""
    return [name for name, _ in _entries(module, set())]


def certificate(name: str, examples: int = EXAMPLES) -> str:
    """What ``check_primitive`` found of a function, in one line. Raises what it raises."""
    found = check(table.ops[name], examples=examples, derandomize=True)
    one, two = found.methods
    orders = f"orders 1 and 2 by {one}" if one == two else f"order 1 by {one}, order 2 by {two}"
    if one == two == "constant":
        orders = "constant"
    seen = [trait for trait in found.properties if trait not in ALWAYS]
    return f"{found.examples} examples, {orders}{'; ' if seen else ''}{', '.join(seen)}"


def certificates_in(text: str) -> dict[str, str]:
    """The certificates that a page has, by name."""
    return dict(re.findall(r"^### `(\w+)\(.*?^- certified: (.*?)$", text, re.MULTILINE | re.DOTALL))


def _entry(name: str, lines: list[str], certified: str) -> str:
    return "\n".join([f"### `{signature(name)}`", "", *map(wrapped, lines), f"- certified: {certified}", ""])


def _entries(module: ModuleType, done: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Each function of the table that a file defines, with what is to be said of it, in the file's order."""
    source = inspect.getsource(module)
    for statement in ast.parse(source).body:
        for name, formulas in _defined(module, source, statement):
            if name not in done:
                done.add(name)
                yield name, [_text(name), "", *formulas, *_domain(name)]


def _defined(module: ModuleType, source: str, statement: ast.stmt) -> Iterator[tuple[str, list[str]]]:
    """The functions of the table that one statement puts there, with their formulas as lines."""
    if isinstance(statement, ast.FunctionDef):
        name = statement.name
        if name in table.derived_ops and table.derived_ops[name].function is getattr(module, name, None):
            yield name, [_made_of(source, statement)]
        return
    for node in ast.walk(statement) if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.If, ast.Try)) else ():
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Call):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in [getattr(face, "id", "") for face in getattr(targets[0], "elts", ())]:  # of one function
            if name in table.derived_ops:
                yield name, [MADE_OF_OTHERS]
        function = getattr(module, getattr(targets[0], "id", ""), None)
        name = getattr(function, "__name__", "")
        row = getattr(function, "op", None)
        if name in table.builtin and table.ops.get(name) is function and ast.unparse(node.value.func) in _DOORS:
            yield name, _formulas(cast(table.Op, row), source, node.value)


def _formulas(row: table.Op, source: str, call: ast.Call) -> list[str]:
    """The formula of each argument as it stands in the source."""
    texts = [_flat(ast.get_source_segment(source, formula) or "") for formula in call.args[1:]]
    names = [f"each of {row.arguments[0]}"] if row.variadic else [f"d{name}" for name in row.arguments]
    lines = [
        f"- {name.removeprefix('d')}: {_WITHOUT[text]}" if text in _WITHOUT else f"- {name}: `{text}`"
        for name, text in zip(names, texts, strict=True)
    ]
    return lines or ["- no gradient"]


def _made_of(source: str, function: ast.FunctionDef) -> str:
    """The expression that a function returns, where that is all it does."""
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return f"- made of `{_flat(ast.get_source_segment(source, body[0].value) or '')}`"
    return MADE_OF_OTHERS


def _text(name: str) -> str:
    """What a function is and which functions of NumPy and SciPy it stands for, in one line."""
    standing = sorted({_path(key) for key, f in table.numpy_functions.items() if _stands(f, name, key)} - {""})
    line = _flat((table.ops[name].__doc__ or "").split("\n\n")[0])
    if public(name) is None:
        line += " Formulas alone ask for it."
    return f"{', '.join(f'`{path}`' for path in standing)}: {line}" if standing else line


def _stands(function: Any, name: str, key: Any) -> bool:
    return key in table.builtin and (function is table.ops[name] or function.__name__ == name)


def _path(key: Any) -> str:
    path = key if isinstance(key, str) else table.path_of(key)
    return path.replace("numpy.", "np.", 1) if path.startswith(("numpy.", "scipy.")) else ""


def public(name: str) -> Callable[..., Any] | None:
    """The function of the table that users call, or what stands before it, or None where formulas alone ask for it."""
    places = [importlib.import_module(place) for place in _PLACES]
    # A name may be imported when it is asked for: then it is in __all__ alone until somebody has asked.
    found = [
        f
        for place in places
        if callable(f := vars(place).get(name) or (name in place.__all__ and getattr(place, name)))
    ]
    return next((f for f in found if f is table.ops[name]), found[0] if found else None)


def signature(name: str) -> str:
    """A call of the public function with its options and their defaults."""
    function = public(name) or table.ops[name]
    row = getattr(function, "op", None)
    parameters = inspect.signature(function).parameters.values()
    if row is not None and not row.variadic:  # a ufunc's arrays have the names that formulas ask for
        plain = [
            inspect.Parameter(
                p,
                inspect.Parameter.KEYWORD_ONLY if p in row.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=row.defaults.get(p, inspect.Parameter.empty),
            )
            for p in (*row.arguments, *row.statics)
        ]
    else:
        plain = [p.replace(annotation=p.empty) for p in parameters if p.name not in REFUSED]
    return f"{name}{inspect.Signature(plain)}"


def _domain(name: str) -> list[str]:
    """Where a function is smooth, if that is not everywhere."""
    row: Any = getattr(table.ops[name], "op", None) or table.derived_ops[name]
    names = row.arguments if isinstance(row, table.Op) else list(inspect.signature(row.function).parameters)
    bounds = [_between(low, high, who) for (low, high), who in zip(row.domain or (), names, strict=False)]
    return [f"- domain: {', '.join(filter(None, bounds))}"] if any(bounds) else []


def _between(low: float, high: float, name: str) -> str:
    left, right = math.isfinite(low), math.isfinite(high)
    if left and right:
        return f"{low:g} < {name} < {high:g}"
    return f"{name} > {low:g}" if left else f"{name} < {high:g}" if right else ""


def _flat(text: str) -> str:
    return re.sub(r"(?<=[(\[]) | (?=[)\]])|(?<=,) (?=\))", "", " ".join(re.sub(r"#.*", "", text).split()))


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or compare it. Returns 0 if every function has its certificate (and the page is in sync)."""
    parser = argparse.ArgumentParser(description=_first_line(__doc__ or ""))
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="compare with the file, certificates too, and write nothing"
    )
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="drawn for each certificate (%(default)s)")
    chosen = parser.parse_args(arguments)
    failed = []

    def certify(name: str) -> str:
        try:
            return certificate(name, chosen.examples)
        except Exception as error:  # noqa: BLE001 - the page is made all the same, and says so
            failed.append(f"{name}: {type(error).__name__}: {_first_line(str(error))}")
            return f"NO, {type(error).__name__}"

    text = page(certify)
    print(*failed, sep="\n", end="\n" * bool(failed), file=sys.stderr)
    if not chosen.check:
        chosen.file.write_text(text)
        from tests import known_operations  # which reads this page

        if chosen.file.resolve() == known_operations.DOCS / "operations.md":
            known_operations.KNOWN.write_text(known_operations.text(), encoding="utf-8")
        return bool(failed)
    difference = difflib.unified_diff(
        chosen.file.read_text().splitlines(), text.splitlines(), "there", "now", "", "", 0
    )
    lines = list(difference)
    print(*lines, sep="\n", end="\n" * bool(lines))
    return bool(lines or failed)


if __name__ == "__main__":  # pragma: no cover
    sys.exit(main())
