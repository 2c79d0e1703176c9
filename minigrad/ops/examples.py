"""Examples of the functions of the table, as part of their docstrings.

A row is one statement, and its docstring one line; its example stands in ``examples.txt``, below its name. Each is a
test (``tests/ops/test_examples.py``). Numbers are written to four digits.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable

from minigrad.core.table import ops


def add_examples(names: Iterable[str]) -> None:
    """Put the examples of these functions of the table below their docstrings."""
    waiting = examples()
    for name in (waiting.keys() & ops.keys()).intersection(names):
        function = ops[name]
        if ">>>" not in (function.__doc__ or ""):
            function.__doc__ = f"{function.__doc__}\n\n{waiting[name]}"


@functools.cache
def examples() -> dict[str, str]:
    """{name: its example}."""
    with open(os.path.join(os.path.dirname(__file__), "examples.txt"), "rb") as file:
        parts = file.read().decode().replace("\r\n", "\n").rstrip().split("\n\n")
    return dict(part.split("\n", 1) for part in parts)
