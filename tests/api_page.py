"""``docs/api.md``, written from each public module's ``__all__``: ``python -m tests.api_page docs/api.md``."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

from minigrad.core import table
from tests.operations_page import public

#: The public modules, in the order of the page.
MODULES = (
    "minigrad", "minigrad.autograd", "minigrad.transforms", "minigrad.transforms.implicit",
    "minigrad.stats", "minigrad.signal", "minigrad.integrate", "minigrad.interpolate", "minigrad.spatial",
    "minigrad.sparse",
    "minigrad.linalg", "minigrad.fft", "minigrad.special", "minigrad.random", "minigrad.errors",
    "minigrad.typing", "minigrad.nn", "minigrad.nn.functional",
    "minigrad.nn.init", "minigrad.optim", "minigrad.optim.schedules", "minigrad.data", "minigrad.train",
    "minigrad.train.callbacks", "minigrad.distributed", "minigrad.files", "minigrad.compiler", "minigrad.sklearn",
    "minigrad.viz",
    "minigrad.testing", "minigrad.testing.strategies", "minigrad.command",
)  # fmt: skip

#: Modules with the names of others, which are written of where the page says.
OTHERS = ("minigrad.array_api", "minigrad.compat")

HEAD = """# What is public

The modules below and the names in their `__all__`, with what the docs and docstrings say of them, are public. All else
may change at any time: other modules, names with an underscore, texts of errors (their classes are public). This page
is written by `python -m tests.api_page docs/api.md`; a test holds each `__all__` to it.

Two modules have the names of others, and are public too: `minigrad.array_api` those of the [array API
standard](https://data-apis.org/array-api/2024.12/) ([what differs](scipy.md#other-libraries-by-the-array-api)),
`minigrad.compat.autograd` those of [autograd](from-autograd.md).

## Versions

Versions are numbered as [semantic versioning](https://semver.org) says. Until 1.0, a minor version (0.2, 0.3) may
change what is public, and a patch (0.2.1) mends faults alone. [CHANGELOG.md](../CHANGELOG.md) says what changed.

- A name that leaves is refused by an error that says what to write instead, for one minor version at least.
- Files of `mg.save` and `Checkpoints` are read by later versions, with a warning where they lack something.
- A patch keeps the bits of results on one machine with one NumPy. A minor version may change the last digits.
- Python 3.11 and NumPy 2.0 are the oldest that are supported. A minor version may drop old ones, a patch does not.

## Modules
"""

ROWS = """
## Rows that formulas alone call

These functions of the table have no public name: `mg.table.ops["keep"]` is one. They may change as formulas do;
[operations.md](operations.md) describes them.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in MODULES:
        module = importlib.import_module(name)
        about = (module.__doc__ or "").strip().split("\n\n")[0].replace("``", "`").replace("\n", " ")
        parts += [f"### `{name}`", "", *_wrapped(about), "", *_names(module.__all__), ""]
    return "\n".join([*parts[:-1], ROWS, *_names(formulas_alone()), ""])


def formulas_alone() -> list[str]:
    """The functions of the table that have no public name."""
    return sorted(name for name in table.ops if name in table.builtin and public(name) is None)


def _names(names: list[str]) -> list[str]:
    return _wrapped(", ".join(f"`{name}`" for name in sorted(names, key=str.casefold)))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
