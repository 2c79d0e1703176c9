"""NumPy's random numbers, which have no gradient, for functions that are differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compat.autograd.faces import attribute, public


def __getattr__(name: str) -> Any:
    """Each function, made when it is first asked for."""
    return attribute(name, np.random, globals())


def __dir__() -> list[str]:
    """The names, those that have not been asked for yet too."""
    return sorted({*globals(), *public(np.random)})
