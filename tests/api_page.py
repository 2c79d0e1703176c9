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

Public are the modules below, the names in their `__all__`, and the behaviour that the docs and docstrings describe.
Everything else may change at any time: other modules, names that begin with an underscore, and the texts of errors
(the classes of errors are public). This page is written by `python -m tests.api_page docs/api.md`, and a test compares
it with each `__all__`.

Two more modules are public. Their names are not listed here because they are those of other libraries:
`minigrad.array_api` has the names of the [array API standard](https://data-apis.org/array-api/2024.12/) ([what
differs](scipy.md#other-libraries-by-the-array-api)), and `minigrad.compat.autograd` those of
[autograd](from-autograd.md).

## Versions

Versions follow [semantic versioning](https://semver.org). Until 1.0, a minor version (0.2, 0.3) may change public
names and behaviour, and a patch (0.2.1) only mends faults. [CHANGELOG.md](../CHANGELOG.md) lists the changes.

- When a name is removed, using it raises an error that says what to write instead, for at least one minor version.
- Later versions read the files of `mg.save` and `Checkpoints`, with a warning if a file lacks something.
- With a patch, results stay the same bit for bit, on one machine with one version of NumPy. A minor version may change
  the last digits.
- The oldest supported versions are Python 3.11 and NumPy 2.0. A minor version may drop support for old versions; a
  patch does not.

## Modules
"""

ROWS = """
## Rows that only formulas call

These functions of the table have no public name; `mg.table.ops["keep"]`, for instance, is the row `keep`. They may
change together with the formulas. [operations.md](operations.md) describes them.
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
