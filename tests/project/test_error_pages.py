"""Every exception and warning has a page, and its docstring says the cause and the cure."""

import inspect
from pathlib import Path

import pytest

from minigrad import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, (errors.MinigradError, Warning))]
PAGES = Path(__file__).parents[2] / "docs" / "errors"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_each_has_a_page_with_its_message(kind):
    page = (PAGES / f"{kind.__name__}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {kind.__name__}\n")
    assert f"minigrad.errors.{kind.__name__}: " in page or kind is errors.MinigradError  # run as a doctest
    builtin = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    assert f"`{builtin.__name__}`" in page or kind is errors.MinigradError


def test_no_page_is_left_over():
    assert {page.stem for page in PAGES.glob("*.md")} == {kind.__name__ for kind in CLASSES}
