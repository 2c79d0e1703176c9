"""The site, without the tool that builds it: every page has its place, every public name its entry, every line runs."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

from minigrad.support import idioms
from tests import idiom_pages
from tests.api_page import MODULES
from tests.idiom_names import names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module", autouse=True)
def site():
    sys.path.insert(0, str(DOCS / "site"))
    yield importlib.import_module("reference"), importlib.import_module("pages")
    sys.path.remove(str(DOCS / "site"))
    for name in ("reference", "pages"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_its_entry(name, site):
    module = importlib.import_module(name)
    page = site[0].module_page(name)
    entries = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    inside = site[0].modules_in(name)
    assert {*entries, *inside} == set(module.__all__)
    assert all(f"`{one}`" in page for one in inside)
    for one, entry in entries.items():
        thing = getattr(module, one)
        head, _, text = entry.removeprefix("```python\n").partition("\n```\n")
        assert one in head
        assert " at 0x" not in head
        if callable(thing) and hasattr(thing, "__doc__"):
            assert text.strip(), f"{name}.{one} says nothing"
            for parameter in _parameters(thing):
                assert parameter in head, f"{name}.{one} does not show {parameter}"


def _parameters(thing):
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return {}


def test_prose_of_docstrings_means_nothing_to_markdown(site):
    made = site[0].as_markdown("""x**2 and ``a_b`` of *xs, [1] <b>.

        >>> 1 + 1
        2
    """)
    assert made == "x\\*\\*2 and `a_b` of \\*xs, \\[1\\] \\<b>.\n\n```pycon\n>>> 1 + 1\n2\n```"


def test_a_mark_for_what_is_indented_is_not_shown(site):
    assert site[0].as_markdown("Steps.\n\n::\n\n    w <- w - g\n") == "Steps.\n\n```text\nw <- w - g\n```"


@pytest.mark.parametrize("name", MODULES)
def test_no_page_shows_an_address_of_memory(name, site):
    """Else a page would be another with each build."""
    assert not re.search(r"at 0x[0-9a-f]+", site[0].module_page(name))


def test_every_page_is_in_the_menu_once(site):
    pages = site[1]
    listed = [*pages.SECTIONS, *(page for below in pages.SECTIONS.values() for page in below)]
    for below in pages.BELOW.values():
        for page in below:
            found = [path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob(f"{page}.md")]
            assert found, page
            listed += found
    there = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert sorted([*listed, "index"]) == sorted(there)
    assert all((ROOT / f"{page}.md").exists() for page in pages.PROJECT)


def test_a_section_links_to_each_of_its_pages(site):
    for section, below in site[1].SECTIONS.items():
        links = re.findall(r"\]\(([^)#]+)\.md", (DOCS / f"{section}.md").read_text())
        assert set(below) <= {*links, section}, section


def test_every_example_is_in_the_gallery():
    page = (DOCS / "gallery.md").read_text()
    for example in (DOCS / "examples").glob("*.md"):
        assert f"(examples/{example.name})" in page
    for picture in (DOCS / "examples").glob("*.png"):
        assert f"(examples/{picture.name})" in page


@pytest.mark.parametrize("library", idiom_pages.LIBRARIES)
def test_pages_of_other_libraries_are_in_sync(library):
    there = idiom_pages.path(library).read_text(encoding="utf-8")
    assert there == idiom_pages.page(library), "write it anew: python -m tests.idiom_pages"


def test_every_row_that_errors_speak_from_is_on_a_page():
    shown = [idiom_pages.rows(library) for library in idiom_pages.LIBRARIES]
    for section, table in idioms.TABLES.items():
        assert set(table) == set().union(*(rows.get(section, {}) for rows in shown))
    for library, lists in (("jax", idiom_pages.JAX), ("keras", idiom_pages.KERAS)):
        for section, listed in lists.items():
            assert set(listed.split()) == set(idiom_pages.rows(library)[section])


HEADS = [
    (library, code)
    for library in idiom_pages.LIBRARIES
    for row in (DOCS / "site" / "heads" / f"{library}.txt").read_text().splitlines()
    if row.startswith("| `")
    for code in re.findall(r"`([^`]+)`", row.split(" | ", 1)[1])
]


@pytest.mark.parametrize(("library", "code"), HEADS, ids=[f"{library}: {code}" for library, code in HEADS])
def test_every_line_of_a_right_column_runs(library, code, tmp_path, monkeypatch):  # noqa: ARG001 - the library is the id
    monkeypatch.chdir(tmp_path)
    if code.endswith(":"):
        code += " pass"
    if "(" in code or "," in code:
        exec(code, names())


def test_there_are_many_lines():
    assert len(HEADS) > 45
