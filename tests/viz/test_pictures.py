"""Pictures that cannot be made or written."""

import sys

import pytest

from minigrad import viz
from minigrad.errors import FileError
from minigrad.viz import pictures

pytest.importorskip("matplotlib", reason="pictures need matplotlib (pip install matplotlib)")


def test_a_picture_that_cannot_be_written(tmp_path):
    for path in (tmp_path / "no folder" / "a.png", tmp_path / "a.format"):
        with pytest.raises(FileError, match="was not written"):
            viz.curves({"loss": [1.0]}, path)


def test_without_matplotlib(monkeypatch):
    pictures._figure_type.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib"):
        viz.curves({"loss": [1.0]})
