"""Pictures of graphs: boxes, arrows and groups as text in the DOT language, which Graphviz lays out and draws.

Laying out a graph well is Graphviz's art, and nothing here tries it anew. Its program ``dot`` is used where it is
installed; the wheels of ``pygraphviz`` bring it along.
"""

from __future__ import annotations

import html
import importlib
import importlib.util
import shutil
import subprocess

_STYLE = """  graph [rankdir=TB, fontname="Helvetica", fontsize=12, nodesep=0.25, ranksep=0.3, bgcolor="transparent"]
  node [shape=box, style="filled,rounded", fillcolor="#ffffff", color="#8a8f98", fontname="Helvetica", fontsize=10]
  edge [color="#8a8f98", arrowsize=0.6]"""

#: From white to a strong orange: how much of the whole a box is.
_HEAT = ("#ffffff", "#fff3e0", "#ffe0b2", "#ffcc80", "#ffb74d", "#ff9800")

MISSING = (
    "Graphviz draws it, and neither its program dot nor the package pygraphviz is installed: pip install pygraphviz; "
    "picture.dot is the graph as text"
)


class Picture:
    """A graph that can be looked at: a notebook shows it, ``.svg`` and ``.html`` are text to write into a file.

    ``.dot`` is the graph in the DOT language. Drawing needs Graphviz: its program ``dot``, or the package pygraphviz
    (``pip install pygraphviz``); without both, ``.svg`` and ``.html`` raise ``ImportError``, and a notebook and a
    terminal show one line that says so.
    """

    def __init__(self, dot: str, title: str) -> None:
        self.dot = dot
        self.title = title
        self._fault: str | None = None  # why it cannot be drawn, once that is known

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        drawn = _svg_text(self.dot)
        return drawn[drawn.index("<svg") :]

    @property
    def html(self) -> str:
        """The picture as a page that needs nothing else."""
        title = html.escape(self.title)
        style = "body { font-family: sans-serif } svg { max-width: 100%; height: auto }"
        return (
            f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{style}</style></head>\n<body>\n<h1>{title}</h1>\n{self.svg}</body>\n</html>\n"
        )

    def _repr_svg_(self) -> str | None:
        """The picture for a notebook, or None: then it shows the ``repr``, and no traceback."""
        try:
            return self.svg
        except (ImportError, RuntimeError) as error:
            self._fault = str(error)
            return None

    def __repr__(self) -> str:
        if self._fault is None and shutil.which("dot") is None and importlib.util.find_spec("pygraphviz") is None:
            self._fault = MISSING
        if self._fault is not None:
            return f"<picture of {self.title}, not drawn: {self._fault}>"
        return f"<picture of {self.title}: .dot, .svg, .html>"


class Sketch:
    """The text of a graph as it grows."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._groups: dict[str, list[str]] = {"": []}
        self._edges: dict[tuple[str, str], None] = {}
        self._count = 0

    def box(
        self, lines: list[str], *, group: str = "", tooltip: str = "", heat: float = 0.0, outside: bool = False
    ) -> str:
        """Add a box and give its name. ``heat`` in [0, 1] is its colour, ``outside`` for what comes from elsewhere."""
        self._count += 1
        name = f"n{self._count}"
        label = "\\n".join(_escaped(line) for line in lines if line)
        look = ', shape=ellipse, style="filled", fillcolor="#eceff4"' if outside else ""
        if not outside and heat > 0:
            look = f', fillcolor="{_HEAT[min(len(_HEAT) - 1, int(heat * len(_HEAT)))]}"'
        self._groups.setdefault(group, []).append(f'{name} [label="{label}", tooltip="{_escaped(tooltip)}"{look}]')
        return name

    def arrow(self, start: str, end: str) -> None:
        """From one box to another; twice the same is drawn once."""
        if start != end:
            self._edges[start, end] = None

    def picture(self) -> Picture:
        """The finished picture."""
        lines = [f'digraph "{_escaped(self.title)}" {{', _STYLE]
        for number, (group, boxes) in enumerate(self._groups.items()):
            if group:
                head = f'label="{_escaped(group)}", labeljust=l, style="rounded", color="#c4c9d2"'
                lines += [f"  subgraph cluster_{number} {{", f"    graph [{head}]"]
            lines += [("    " if group else "  ") + box for box in boxes] + ["  }"] * bool(group)
        lines += [f"  {start} -> {end}" for start, end in self._edges]
        return Picture("\n".join([*lines, "}", ""]), self.title)


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
        made = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, check=False)  # noqa: S603
        if made.returncode:
            raise RuntimeError(_failure(made.stderr.decode(errors="replace")))
        return made.stdout.decode()
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
    return f"Graphviz could not draw it ({last}); picture.dot is the graph as text"
