"""Sliding windows: unfold reads them, fold adds them up. Each is the gradient of the other."""

from __future__ import annotations

__all__: list[str] = []
