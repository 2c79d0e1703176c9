"""Special functions; some need SciPy, which is imported when one is called."""

from __future__ import annotations

__all__: list[str] = []
