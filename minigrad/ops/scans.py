"""Running sums and products, and their inverses: differences and slopes; integrals along an axis."""

from __future__ import annotations

__all__: list[str] = []
