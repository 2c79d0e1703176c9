"""The text that every Python brings along: the documentation strings of its standard library."""

from __future__ import annotations

import ast
import inspect
import sysconfig
import warnings
from pathlib import Path

import numpy as np

#: Tests are no documentation; what others have installed differs from machine to machine.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def documentation(seed: int = 0) -> str:
    """All documentation strings, each once, package by package, in random order: some 1.8 million characters.

    A package stays in one piece, so the end of the text tells of other things than its beginning. Another version of
    Python has another text. Raises ``OSError`` where there is no source.
    """
    root = Path(sysconfig.get_path("stdlib"))
    packages: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if not LEFT_OUT.intersection(parts) and (strings := _strings(path)):
            packages.setdefault(parts[0], []).extend(strings)
    if not packages:
        raise OSError("this Python has no source of its standard library: give a text file")
    order = list(packages)
    np.random.default_rng(seed).shuffle(order)
    return "\n\n".join(dict.fromkeys(string for name in order for string in packages[name])) + "\n"


def _strings(path: Path) -> list[str]:
    """The documentation strings of a module, of its classes and functions; none of a file that is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in old code
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)]
    return [string for text in found if text and (string := inspect.cleandoc(text).strip())]
