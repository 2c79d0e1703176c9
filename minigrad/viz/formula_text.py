"""The formulas of an op as they stand in its source, for people to read."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import math
from collections.abc import Callable
from typing import Any

from minigrad.core.table import Op, no_derivative


def formula_texts(op: Op) -> list[tuple[str, str]]:
    """(argument, the formula of its gradient) for each array argument: ("x", "g * y"). Of a variadic op there is one.

    An argument without a gradient is described so; a formula without source text is shown by its name.
    """
    return [(name, formula_text(formula)) for name, formula in zip(op.arguments, op.formulas, strict=False)]


def formula_text(formula: Callable[..., Any] | None) -> str:
    """One formula: the expression of a lambda, or the call of a function that has a name."""
    if formula is None:
        return "no gradient"
    if formula is no_derivative:
        return "no known formula: a gradient is refused"
    formula = inspect.unwrap(formula)
    code = getattr(formula, "__code__", None)
    if code is None:
        return getattr(formula, "__name__", type(formula).__name__)
    taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if formula.__name__ != "<lambda>":
        return f"{formula.__name__}({', '.join(taken)})"
    # Two lambdas of one line are told apart by where their expressions begin; the first instruction has no width.
    places = [(line, column) for line, _, column, end in code.co_positions() if line and end and column is not None]
    lambdas = _lambdas(code.co_filename).get((code.co_firstlineno, taken), {})
    return lambdas.get(min(places, default=(0, 0)), f"a function of {', '.join(taken)}")


@functools.cache
def _lambdas(file: str) -> dict[tuple[int, tuple[str, ...]], dict[tuple[int, int], str]]:
    """The expressions of a file's lambdas by where they begin, by the line and the parameters of the lambda."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return {}
    texts: dict[tuple[int, tuple[str, ...]], dict[tuple[int, int], str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            names = tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
            place = (node.body.lineno, node.body.col_offset)
            texts.setdefault((node.lineno, names), {})[place] = ast.unparse(node.body)
    return texts


def domain_text(domain: tuple[tuple[float, float], ...], names: tuple[str, ...]) -> str:
    """Where it is smooth, in words."""
    bounds = []
    for name, (low, high) in zip(names, domain, strict=False):
        left = f"{low:g} < " if math.isfinite(low) else ""
        right = f" < {high:g}" if math.isfinite(high) else ""
        if left or right:
            bounds.append(f"{left}{name}{right}")
    return ", ".join(bounds) or "all real numbers"
