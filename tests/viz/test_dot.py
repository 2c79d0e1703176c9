"""Graphs as DOT text, and as pictures where Graphviz is installed."""

import pytest

from minigrad.viz import dot
from minigrad.viz.dot import Picture, Sketch, amount


def test_boxes_and_arrows():
    sketch = Sketch("a sketch")
    one, two = sketch.box(["first", "(2, 3) float32"]), sketch.box(["second"], outside=True)
    sketch.arrow(one, two)
    picture = sketch.picture()
    assert one != two
    assert f"{one} -> {two}" in picture.dot
    assert "first" in picture.dot
    assert picture.title == "a sketch"


def test_text_is_escaped():
    sketch = Sketch('a "title"')
    sketch.box(['"quoted" \\ <b>'])
    text = sketch.picture().dot
    assert '\\"quoted\\"' in text or "&quot;quoted&quot;" in text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (2048, "2"), (3 << 20, "3")])
def test_amounts(count, text):
    assert amount(count).startswith(text.split()[0])


def test_without_graphviz_it_says_what_to_install(monkeypatch):
    def missing(_):
        raise ImportError(dot.MISSING)

    monkeypatch.setattr(dot, "_svg_text", missing)
    picture = Picture("digraph {}", "title")
    with pytest.raises(ImportError, match="pip install pygraphviz"):
        picture.svg  # noqa: B018
    assert picture._repr_svg_() is None


def test_a_page_escapes_its_title(monkeypatch):
    monkeypatch.setattr(dot, "_svg_text", lambda _: "<?xml?><svg></svg>")
    page = Picture("digraph {}", "a < b").html
    assert "<h1>a &lt; b</h1>" in page
    assert "<svg></svg>" in page
