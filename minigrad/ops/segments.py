"""Sums and maxima over segments of an array, and labels as one-hot rows."""

from __future__ import annotations

__all__: list[str] = []
