"""SciPy's functions for functions that are differentiated: ``autograd.scipy.special`` is imported when it is used."""

import importlib
from types import ModuleType

_PARTS = ("integrate", "linalg", "signal", "special", "stats")


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"{__name__} has no {name!r}: it has {', '.join(_PARTS)}")


def __dir__() -> list[str]:
    return [*globals(), *_PARTS]
