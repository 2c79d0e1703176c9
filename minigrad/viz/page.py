"""A graph as a page that one can touch: pan, zoom, fold, search, look into a node. It is one file without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


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
    for key, file in (("STYLE", f"{stem}.css"), ("SCRIPT", f"{stem}.js")):
        path = _HERE / file
        values = {key: path.read_text(encoding="utf-8") if path.exists() else "", **values}
    head, *parts = text.split("{{")
    return head + "".join(values[key] + rest for key, _, rest in (part.partition("}}") for part in parts))


def inside_script(data: str) -> str:
    """JSON that stands inside of a script element: nothing in it ends the element, or begins a comment."""
    return data.replace("<", "\\u003c")
