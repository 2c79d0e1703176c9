"""Gradients that are computed together and asked for one by one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Once:
    """The gradients of one node, for each gradient g of its output.

    The first edge that asks pays for all; what the others will ask for is kept until they do, or until g goes.
    """

    def __init__(self) -> None:
        self._kept: tuple[Callable[[], Any], dict[int, Any]] | None = None

    def take(self, g: Any, i: int, compute: Callable[[], Sequence[Any]]) -> Any:
        """Number i of what ``compute()`` gives."""
        cached = self._kept
        if cached is None or cached[0]() is not g or i not in cached[1]:
            cached = self._kept = (self._reference(g), dict(enumerate(compute())))
        gradient = cached[1].pop(i)
        if not cached[1]:
            self._kept = None
        return gradient

    def _reference(self, g: Any) -> Callable[[], Any]:
        """To ``g``, and weak: gradients that nobody asks for go when ``g`` goes, and close no reference cycle."""
        me = weakref.ref(self)

        def forget(reference: Any) -> None:
            owner = me()
            if owner is not None and owner._kept is not None and owner._kept[0] is reference:
                owner._kept = None

        return (lambda: g) if isinstance(g, np.generic) else weakref.ref(g, forget)
