"""Circular and hyperbolic functions of each element, and their inverses."""

from __future__ import annotations

__all__: list[str] = []
