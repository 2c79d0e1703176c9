"""The names that examples of docstrings take as imported, as NumPy's do with ``np``."""

from __future__ import annotations

import importlib
from typing import Any

MODULES = {
    "np": "numpy",
    "mg": "minigrad",
    "nn": "minigrad.nn",
    "F": "minigrad.nn.functional",
    "optim": "minigrad.optim",
    "train": "minigrad.train",
}


def names() -> dict[str, Any]:
    """What an example starts with."""
    return {name: importlib.import_module(module) for name, module in MODULES.items()}
