"""The example notebooks: as files they are kept without outputs, their cells run, and each shows what it is about."""

import json
import re
from pathlib import Path

import pytest

from tests.project.test_blocks import blocks

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: What each shows at least, by the kind of it.
SHOWN = {
    "explain_a_gradient": {"html": 3, "pages": 1},
    "first_model": {"html": 3, "pictures": 1},
    "make_it_fast": {},
    "property_test_a_gradient": {},
    "spiral": {"pictures": 2},
    "with_scipy": {},
}


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_there_is_what_is_listed():
    assert [path.stem for path in NOTEBOOKS] == list(SHOWN)
    for page in ("README.md", "docs/gallery.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert all(f"examples/notebooks/{name}.ipynb)" in text for name in SHOWN), page
    site = (ROOT / "docs" / "site" / "notebooks.py").read_text(encoding="utf-8")
    assert sorted(re.findall(r'^    "(\w+)",$', site, re.MULTILINE)) == list(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"  # as Jupyter writes it
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        for line in cell["source"]:
            assert len(line) <= 120
    assert notebook["cells"][0]["source"][0].startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    said = []
    page = blocks.Page(said.append, name=path.name)
    seen = {"html": 0, "pages": 0, "pictures": 0}
    try:
        for cell in cells(path):
            if cell["cell_type"] == "code":
                found = page.cell("".join(cell["source"]))
                assert not found["error"], "".join(said)
                for kind in seen:
                    seen[kind] += len(found[kind])
    finally:
        page.close()
    for kind, least in SHOWN[path.stem].items():
        assert seen[kind] >= least, kind
