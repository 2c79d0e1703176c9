"""``scipy.special`` for functions that are differentiated: SciPy's own on arrays, this package's on tensors."""

from __future__ import annotations

from typing import Any

import scipy.special

from minigrad import special
from minigrad.compat.autograd.faces import attribute, public


def __getattr__(name: str) -> Any:
    """Each function, made when it is first asked for."""
    known = getattr(special, name) if name in special.__all__ else None
    return attribute(name, scipy.special, globals(), known)


def __dir__() -> list[str]:
    """The names, those that have not been asked for yet too."""
    return sorted({*globals(), *public(scipy.special)})
