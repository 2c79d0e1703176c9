"""Graphs as DOT text, and as pictures where Graphviz is installed."""

import pytest

from minigrad.errors import FileError
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


def test_without_graphviz_there_is_the_page(monkeypatch):
    def missing(_):
        raise ImportError(dot.MISSING)

    monkeypatch.setattr(dot, "_svg_text", missing)
    picture = Picture("digraph {}", "title")
    with pytest.raises(ImportError, match="pip install pygraphviz"):
        picture.svg  # noqa: B018
    assert "<title>title</title>" in picture.html
    assert picture._repr_html_().startswith("<iframe srcdoc=")


def test_a_page_escapes_its_title():
    assert "<h1>a &lt; b</h1>" in Picture("digraph {}", "a < b").html


@pytest.mark.parametrize("ending", [".html", ".svg", ".dot"])
def test_a_file_holds_what_its_ending_says(ending, tmp_path, monkeypatch):
    monkeypatch.setattr(dot, "_svg_text", lambda _: "<?xml?><svg></svg>")
    picture = Picture("digraph {}", "title")
    picture.save(tmp_path / f"x{ending}")
    assert (tmp_path / f"x{ending}").read_text() == getattr(picture, ending[1:])


@pytest.mark.parametrize(("name", "match"), [("x.png", "saved as .html, .svg or .dot"), ("no/x.html", "not written")])
def test_what_cannot_be_saved(name, match, tmp_path):
    with pytest.raises(FileError, match=match):
        Picture("digraph {}", "title").save(tmp_path / name)
