"""Pages that one can touch: of a graph, of a finished run. Each is one file, and asks for nothing from a network."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from minigrad.core.checks import as_path
from minigrad.errors import FileError

#: Of the frame in a notebook.
_FRAME = 'sandbox="allow-scripts" style="width: 100%; height: 32rem; border: 1px solid #8884"'
_HERE = Path(__file__).parent


class Page:
    """Something to look at: a notebook shows it, ``.html`` is its text, and ``save(path)`` writes it into a file."""

    #: What it is saved as, by the ending of the file; each is an attribute.
    endings: ClassVar[tuple[str, ...]] = (".html",)

    def __init__(self, title: str) -> None:
        self.title = title

    @property
    def html(self) -> str:
        """The page, which needs nothing else."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it into a file, as its ending says.

        Raises ``FileError`` for another ending, and where the file cannot be written.
        """
        target = as_path(path, "save(path)")
        ending = target.suffix
        if ending not in self.endings:
            *others, last = self.endings
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise FileError(f"{self.title} is saved as {wanted}, got {str(target)!r}")
        text = getattr(self, ending[1:])
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FileError(f"{self.title} was not written to {target}: {error}") from error

    def _repr_html_(self) -> str:
        """The page for a notebook, in a frame of its own."""
        source = html.escape(self.html)
        return f'<iframe srcdoc="{source}" title="{html.escape(self.title)}" {_FRAME}></iframe>'


def graph_page(title: str, boxes: Sequence[dict[str, Any]]) -> str:
    """The page of a graph.

    A box is a dict: ``n`` its name, ``s`` lines below it, ``p`` the numbers of the boxes that it was made from, ``g``
    the names of the groups that it lies in, from the outermost in, and what else there is to show: ``k`` ("op", "leaf",
    "outside"), ``f`` formulas, ``t`` text, ``l`` the user's line, ``v`` and ``d`` the summaries of value and gradient,
    ``h`` its heat from 0 to 1.
    """
    data = json.dumps({"title": title, "nodes": list(boxes)}, separators=(",", ":"), ensure_ascii=False)
    return filled("graph.html", {"TITLE": html.escape(title), "DATA": inside_script(data)})


def filled(name: str, values: dict[str, str]) -> str:
    """A template of this folder with its style, its script and these values in it."""
    text = (_HERE / name).read_text(encoding="utf-8")
    stem = name.removesuffix(".html")
    for key, ending in (("STYLE", "css"), ("SCRIPT", "js")):
        parts = [(_HERE / f"{file}.{ending}").read_text(encoding="utf-8") for file in ("summaries", stem)]
        values = {key: "".join(parts), **values}
    head, *parts = text.split("{{")
    return head + "".join(values[key] + rest for key, _, rest in (part.partition("}}") for part in parts))


def inside_script(data: str) -> str:
    """JSON that stands inside of a script element: nothing in it ends the element, or begins a comment."""
    return data.replace("<", "\\u003c")
