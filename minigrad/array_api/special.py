"""SciPy's special functions over tensors: SciPy looks here when it is called in its array API mode."""

from __future__ import annotations

from typing import Any

from minigrad import special
from minigrad.array_api.answers import answering


def __getattr__(name: str) -> Any:
    """The function of ``minigrad.special``, made when it is first asked for."""
    if name not in special.__all__:
        raise AttributeError(f"minigrad.special has no {name!r}")
    globals()[name] = function = answering(getattr(special, name))
    return function


def __dir__() -> list[str]:
    """The names, those that have not been asked for yet too."""
    return sorted({*globals(), *special.__all__})
