"""Tests for gradients: check one function, property-test one op, draw inputs with Hypothesis.

``check_gradients`` needs nothing but NumPy; ``check_primitive`` and ``strategies`` need Hypothesis:
``pip install hypothesis``.
"""

import importlib
from typing import Any

from minigrad.testing.gradients import GradientReport, check_gradients

__all__ = ["GradientReport", "check_gradients", "check_primitive", "strategies"]


def __getattr__(name: str) -> Any:
    """Hypothesis is imported when what needs it is asked for."""
    if name not in ("check_primitive", "strategies"):
        raise AttributeError(f"minigrad.testing has no {name!r}; it has {', '.join(__all__)}")
    try:
        importlib.import_module("hypothesis")
    except ImportError as error:
        raise ImportError(f"minigrad.testing.{name} draws examples with Hypothesis: pip install hypothesis") from error
    if name == "strategies":
        return importlib.import_module("minigrad.testing.strategies")
    return importlib.import_module("minigrad.testing.properties").check_primitive
