"""Sizes left to the first call: ``nn.Linear(None, 64)`` learns its number of inputs from the first x.

Until then ``UNMADE`` stands where the weight will be, so that all that needs the weight (an optimizer, a state dict)
says what is missing, and all else (``repr``, ``train()``, ``apply``) works. A layer of its own, as in ``LazyLinear``,
would be a second name for each layer that changes its class or stays "lazy" for ever; None in the place of the size is
what one does not know, written down.
"""

from __future__ import annotations

from typing import Any, NoReturn

from minigrad.errors import StateError


class Unmade:
    """Stands in the place of a parameter or buffer whose size comes with the first call."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "made at the first call"

    def __reduce__(self) -> str:  # a copy of a layer holds the same one
        return "UNMADE"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python asking for a protocol
            raise AttributeError(name)
        raise StateError(f"a layer without a size is made at its first call: call the model once before its .{name}")


#: The only one; typed so that a layer's ``weight`` is a Parameter to the type checker.
UNMADE: Any = Unmade()


def require_made(name: str, value: Any) -> None:
    """Raise ``StateError`` for a parameter that is not there yet."""
    if value is UNMADE:
        raise StateError(
            f"{name} is made when its layer is called for the first time, which tells it its size: call the model once "
            "on a batch, model(x), and then ask for parameters(), a state dict or an optimizer"
        )
