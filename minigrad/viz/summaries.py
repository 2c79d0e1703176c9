"""An array in a few hundred bytes: what a page shows of it as a heat map and a histogram."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

#: Bars of a histogram, and the sides of a heat map, at most.
BARS, SIDE = 24, 32


def summary(x: np.ndarray, side: int = SIDE) -> dict[str, Any]:
    """The numbers of an array for a page: its range, mean, histogram, and ``side`` by ``side`` of its elements.

    The map is of rows and columns that are spread over the whole; axes before the last are rows. Each element is one
    byte, 1 to 255 with 128 for 0, and 0 for what is not finite; ``top`` is what 255 means.
    """
    values = np.asarray(x.real if x.dtype.kind == "c" else x, np.float64)
    finite = values[np.isfinite(values)]
    facts: dict[str, Any] = {"n": int(values.size), "bad": int(values.size - finite.size)}
    if not finite.size:
        return facts
    low, high = float(finite.min()), float(finite.max())
    scale = 2.0**64 if max(-low, high) > 1e290 else 1.0  # their sum may be too large
    facts |= {"lo": _short(low), "hi": _short(high), "mean": _short(float((finite / scale).mean()) * scale)}
    facts["norm"] = _short(float(np.sqrt(np.sum(finite * finite)))) if max(-low, high) < 1e150 else float("inf")
    if values.size == 1:
        return facts
    with np.errstate(all="ignore"):
        place = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    facts["hist"] = np.bincount(np.minimum(np.nan_to_num(place) * BARS, BARS - 1).astype(int), minlength=BARS).tolist()
    plane = values.reshape(-1, values.shape[-1])
    rows, columns = (np.linspace(0, size - 1, min(size, side)).round().astype(int) for size in plane.shape)
    seen = plane[np.ix_(rows, columns)]
    top = max(abs(low), abs(high)) or 1.0
    with np.errstate(all="ignore"):
        bytes_ = np.where(np.isfinite(seen), 128 + np.rint(np.nan_to_num(seen / top) * 127), 0).clip(0, 255)
    facts |= {"top": _short(top), "w": len(columns), "h": len(rows), "all": list(plane.shape)}
    facts["map"] = base64.b64encode(bytes_.astype(np.uint8).tobytes()).decode("ascii")
    return facts


def _short(number: float) -> float:
    """A number of five digits: more would only make the page longer."""
    return float(f"{number:.5g}")
