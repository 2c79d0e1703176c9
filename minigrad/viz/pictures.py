"""The base of all pictures: a figure of their own, and where it goes."""

from __future__ import annotations

import functools
import importlib
import io
import os
from typing import Any

from minigrad.core.checks import as_path
from minigrad.errors import FileError

# Paul Tol's bright scheme: colours that differ for the colour-blind too.
COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")


def new_figure(width: float, height: float) -> Any:
    """A matplotlib ``Figure`` that shows itself in notebooks.

    It is made without pyplot: nothing is global, no window is opened, and it is gone when nobody holds it.
    Raises ``ImportError`` where matplotlib is missing.
    """
    return _figure_type()(figsize=(width, height), layout="constrained")


def saved(figure: Any, path: str | os.PathLike[str] | None) -> Any:
    """The figure, written to ``path`` if there is one. Raises ``FileError``."""
    if path is not None:
        target = as_path(path, "the path of a picture")
        try:
            figure.savefig(target, dpi=150)
        except (OSError, ValueError) as error:  # ValueError: a format that matplotlib does not know
            raise FileError(f"the picture was not written to {target}: {error}") from error
    return figure


@functools.cache
def _figure_type() -> type:
    try:
        base = importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise ImportError("pictures are drawn by the package matplotlib: pip install matplotlib") from error

    class Picture(base):  # type: ignore[misc, valid-type]
        """A figure that is its own picture in a notebook."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return Picture
