"""Pictures of graphs: boxes, arrows and groups, as a page that lays itself out, and as text in the DOT language.

DOT text is drawn by Graphviz: its program ``dot`` is used where it is installed; the wheels of ``pygraphviz`` bring it
along. The page needs neither (``page.py``).
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from minigrad.viz.page import Page, graph_page

_STYLE = """  graph [rankdir=TB, fontname="Helvetica", fontsize=12, nodesep=0.25, ranksep=0.3, bgcolor="transparent"]
  node [shape=box, style="filled,rounded", fillcolor="#ffffff", color="#8a8f98", fontname="Helvetica", fontsize=10]
  edge [color="#8a8f98", arrowsize=0.6]"""

#: From white to a strong orange: how much of the whole a box is.
_HEAT = ("#ffffff", "#fff3e0", "#ffe0b2", "#ffcc80", "#ffb74d", "#ff9800")

MISSING = (
    "Graphviz draws it, and neither its program dot nor the package pygraphviz is installed: pip install pygraphviz; "
    "picture.html is a page that needs neither, and picture.dot the graph as text"
)


class Picture(Page):
    """A graph that can be looked at: a notebook shows it, ``save`` writes it into a file.

    ``.html`` is a page that needs nothing else, no network and no Graphviz: it moves, zooms, folds modules, searches,
    and shows what a node holds. ``.dot`` is the graph in the DOT language. ``.svg`` is a still picture, which Graphviz
    draws: without its program ``dot`` and the package pygraphviz (``pip install pygraphviz``) it raises
    ``ImportError``.
    """

    endings = (".html", ".svg", ".dot")

    def __init__(self, dot: str, title: str, boxes: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(title)
        self.dot = dot
        self._boxes = boxes

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        drawn = _svg_text(self.dot)
        return drawn[drawn.index("<svg") :]

    @property
    def html(self) -> str:
        """The picture as a page that needs nothing else."""
        return graph_page(self.title, self._boxes)

    def _repr_svg_(self) -> str | None:
        """The still picture, for viewers of notebooks that show no frames; None where Graphviz cannot draw it."""
        try:
            return self.svg
        except (ImportError, RuntimeError):
            return None

    def __repr__(self) -> str:
        return f"<picture of {self.title}: .html, .svg, .dot, .save(path)>"


class Sketch:
    """A graph as it grows."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._boxes: list[dict[str, Any]] = []  # as ``page.py`` takes them
        self._groups: dict[str, list[str]] = {"": []}
        self._edges: dict[tuple[str, str], None] = {}

    def box(
        self,
        lines: list[str],
        *,
        group: str = "",
        tooltip: str = "",
        heat: float = 0.0,
        outside: bool = False,
        more: dict[str, Any] | None = None,
    ) -> str:
        """Add a box and give its name. ``heat`` in [0, 1] is its colour, ``outside`` for what comes from elsewhere.

        ``more`` is what the page alone shows of it.
        """
        first, *rest = [line for line in lines if line]
        shown = {"n": first, "s": rest, "g": [group] * bool(group), "t": tooltip, "h": heat, "p": []}
        self._boxes.append(shown | {"k": "outside" if outside else "op"} | (more or {}))
        name = f"n{len(self._boxes)}"
        label = "\\n".join(_escaped(line) for line in lines if line)
        look = ', shape=ellipse, style="filled", fillcolor="#eceff4"' if outside else ""
        if not outside and heat > 0:
            look = f', fillcolor="{_HEAT[min(len(_HEAT) - 1, int(heat * len(_HEAT)))]}"'
        self._groups.setdefault(group, []).append(f'{name} [label="{label}", tooltip="{_escaped(tooltip)}"{look}]')
        return name

    def arrow(self, start: str, end: str) -> None:
        """From one box to another; twice the same is drawn once."""
        if start != end and (start, end) not in self._edges:
            self._edges[start, end] = None
            self._boxes[int(end[1:]) - 1]["p"].append(int(start[1:]) - 1)

    def picture(self) -> Picture:
        """The finished picture."""
        lines = [f'digraph "{_escaped(self.title)}" {{', _STYLE]
        for number, (group, boxes) in enumerate(self._groups.items()):
            if group:
                head = f'label="{_escaped(group)}", labeljust=l, style="rounded", color="#c4c9d2"'
                lines += [f"  subgraph cluster_{number} {{", f"    graph [{head}]"]
            lines += [("    " if group else "  ") + box for box in boxes] + ["  }"] * bool(group)
        lines += [f"  {start} -> {end}" for start, end in self._edges]
        return Picture("\n".join([*lines, "}", ""]), self.title, self._boxes)


def amount(count: float, unit: str = "B") -> str:
    """A number of bytes (or of anything) for people: 19.2 kB."""
    for prefix in ("", "k", "M", "G"):
        if count < 1000 or prefix == "G":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if not prefix else f"{count:.3g} {prefix}{unit}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _svg_text(dot: str) -> str:
    program = shutil.which("dot")
    if program is not None:
        drawing = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, check=False)  # noqa: S603
        if drawing.returncode:
            raise RuntimeError(_failure(drawing.stderr.decode(errors="replace")))
        return drawing.stdout.decode()
    try:
        pygraphviz = importlib.import_module("pygraphviz")
    except ImportError:
        raise ImportError(MISSING) from None
    try:
        drawn: bytes = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    except (OSError, ValueError) as error:  # it has no program dot either, or that ended with an error
        raise RuntimeError(_failure(str(error))) from error
    return drawn.decode()


def _failure(said: str) -> str:
    last = (said.strip().splitlines() or ["it gave no reason"])[-1]
    return f"Graphviz could not draw it ({last}); picture.html is a page that needs no Graphviz"
