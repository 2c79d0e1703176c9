"""Inverses, solutions, determinants and norms of matrices."""

from __future__ import annotations

__all__: list[str] = []
