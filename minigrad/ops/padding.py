"""Arrays with a border, in every way of NumPy to fill it."""

from __future__ import annotations

__all__: list[str] = []
