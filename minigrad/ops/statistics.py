"""Averages of many kinds: those that leave out NaN, weighted ones, covariances."""

from __future__ import annotations

__all__: list[str] = []
