"""Reading and writing at chosen places: take, index_set, compress, interpolation."""

from __future__ import annotations

__all__: list[str] = []
