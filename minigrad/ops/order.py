"""Sorting, and what is read off a sorted array: median, quantiles, partitions."""

from __future__ import annotations

__all__: list[str] = []
