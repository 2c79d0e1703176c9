"""Normalisation by the mean and variance of a batch, a layer, a group, or by the root mean square."""

from __future__ import annotations

__all__: list[str] = []
