"""Arrays turned, rolled, tiled, repeated and put side by side."""

from __future__ import annotations

__all__: list[str] = []
