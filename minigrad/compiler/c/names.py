"""Names in C for what a program has: its calls, its results; and the words that C has taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from minigrad.compiler.expressions import function_path
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.program import RESULT, Call, Out, Value, values_in


def last_uses(calls: list[Call], program: Any) -> dict[int, list[Value]]:
    """Of each call the roots that nobody mentions after it."""
    last: dict[Value, int] = {}
    for i, call in enumerate(calls):
        for value in [*call.values, *call.results, *call.writes]:
            last[value.root] = i
    for value in [*values_in(program.outputs), *[value for _, value in program.gradients]]:
        last.pop(value.root, None)
    leaving: dict[int, list[Value]] = {}
    for root, i in last.items():
        if root.kind == RESULT:
            leaving.setdefault(i, []).append(root)
    return leaving


def element(text: str) -> str:
    """The number at an address."""
    start, _, offset = text.rpartition(" + ")
    return f"{start}[{offset}]" if start and text[0] != "(" else f"*{text}"


def wish(call: Call) -> str:
    """What a kernel is called after a call."""
    function = call.function
    if isinstance(function, Group):
        return function.members[-1].op
    name = function.strip(".") if isinstance(function, str) else getattr(function, "__name__", "call")
    return re.sub(r"\W+", "_", name).strip("_") or "call"


def name_of(function: Any) -> str:
    """A function as people write it."""
    try:
        return str(function_path(function))
    except (AttributeError, TypeError, ValueError, ImportError):
        return str(getattr(function, "__name__", function))


def outputs(tree: Any, name: str = "result") -> Iterator[tuple[str, Value, Any]]:
    """The outputs with names: after their places in the result."""
    if isinstance(tree, Out):
        yield name, tree.value, tree.number
    elif isinstance(tree, (tuple, list)):
        for k, item in enumerate(tree):
            yield from outputs(item, f"{name}_{k + 1}")
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from outputs(item, re.sub(r"\W+", "_", f"{name}_{key}"))


WORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false
    NULL NAN INFINITY main exp log sin cos tan sqrt floor ceil pow abs fabs memcpy memcmp own checksum index y0 y1 yn
    j0 j1 jn gamma signbit time remainder round rint trunc fmin fmax fmod div erf erfc hypot cbrt image bytes size
    state workspace work gradients rate
    alignas alignof and and_eq asm bitand bitor catch class compl concept constexpr decltype delete explicit export
    friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public requires
    template this throw try typeid typename using virtual wchar_t xor xor_eq
    """.split()
)
