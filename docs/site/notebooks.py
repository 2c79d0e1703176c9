"""Pages of the example notebooks: their cells, and what comes out when they run."""

from __future__ import annotations

import base64
import html
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "notebooks"
sys.path.insert(0, str(Path(__file__).parent / "browser"))

from blocks import Page  # noqa: E402 - what a tab runs cells with

NAMES = [
    "first_model",
    "spiral",
    "explain_a_gradient",
    "property_test_a_gradient",
    "with_scipy",
    "make_it_fast",
]


def cells(name: str) -> list[tuple[str, str]]:
    """(kind, text) of the cells of a notebook; the kind is "markdown" or "code"."""
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def write_page(name: str, to: Path) -> None:
    """Run a notebook, and write its page and pictures into ``to``. Raises ``RuntimeError`` for a cell that fails."""
    said: list[str] = []
    page = Page(said.append, name=f"{name}.ipynb")
    parts: list[str] = []
    try:
        for kind, text in cells(name):
            if kind == "markdown":
                parts.append(text)
                continue
            said.clear()
            found = page.cell(text)
            if found["error"]:
                raise RuntimeError(f"a cell of {name}.ipynb fails here: {''.join(said).strip()}\n{text}")
            parts.append(f"```{{code-block}} python\n:class: cell\n\n{text}\n```")
            shown = [f"```text\n{''.join(said).rstrip()}\n```"] if "".join(said).strip() else []
            for picture in found["pictures"]:
                file = f"{name}-{len(parts)}.png"
                (to / file).write_bytes(base64.b64decode(picture.partition(",")[2]))
                shown.append(f"![What the cell draws]({file})")
            shown += [_raw(piece) for piece in found["html"]]
            frame = (
                '<iframe srcdoc="{}" sandbox="allow-scripts" title="What the cell shows" class="cell-page"></iframe>'
            )
            shown += [_raw(frame.format(html.escape(whole))) for whole in found["pages"]]
            if shown:
                parts += [_raw('<div class="cell-outputs">'), *shown, _raw("</div>")]
    finally:
        page.close()
    parts.append(f"This page is [a notebook](../../examples/notebooks/{name}.ipynb), which the site has run.")
    (to / f"{name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _raw(piece: str) -> str:
    return f"```{{raw}} html\n{piece}\n```"
