"""What runs the blocks of a page in a tab, without a tab: shared names, what is compared, what is said and bounded."""

import hashlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

SITE = Path(__file__).parents[2] / "docs" / "site"


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


blocks = loaded(SITE / "browser" / "blocks.py")
files = loaded(SITE / "browser_files.py")


@pytest.fixture
def page():
    made = blocks.Page(name="start.md")
    made.said = []
    made.say = made.said.append
    yield made
    made.close()
    assert made.missed not in sys.meta_path


def test_blocks_share_their_names(page):
    assert page.run(">>> x = 2\n>>> x + 1\n3\n")["same"]
    assert page.run(">>> def twice(y):\n...     return 2 * y\n>>> twice(x)\n4\n")["same"]
    assert "".join(page.said) == "3\n4\n"


def test_what_the_page_has_in_its_place_is_told(page):
    found = page.run(">>> 1 + 1\n3\n>>> print('more')\nmo...\n")
    assert (found["same"], found["error"], found["differs"]) == (False, False, ["3\n"])
    assert not page.run(">>> 5\n")["same"]  # a value that the page does not show


def test_a_script_is_held_against_the_text_below_it(page):
    assert page.run("for i in range(2):\n    print(i)\n", "0\n1\n")["same"]
    assert page.run("print(0)\n", "1\n")["differs"] == ["1\n"]


def test_an_error_that_the_page_shows_is_none(page):
    trace = "Traceback (most recent call last):\n  ...\nValueError: no\n"
    assert page.run(f">>> raise ValueError('no')\n{trace}")["same"]
    found = page.run(">>> raise ValueError('other')\n>>> print('not reached')\n")
    assert found["error"]
    assert not found["why"]
    assert "".join(page.said).endswith("ValueError: other\n")
    assert page.run(">>> raise SystemExit\n")["error"]  # ends the block alone
    assert page.run(">>> 1\n1\n")["same"]


def test_integers_of_a_tab_have_32_bits(page, monkeypatch):
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    trace = "Traceback (most recent call last):\nValueError: int64\n"
    code = f">>> print('int32')\nint64\n>>> raise ValueError('int64')\n{trace}"
    assert page.run(code)["same"]
    monkeypatch.undo()
    assert not page.run(code)["same"]


def test_output_is_bounded(page):
    page.run(">>> for i in range(100_000): print(i)\n")
    text = "".join(page.said)
    assert text.endswith("(more output is left out)\n")
    assert len(text) < blocks.TEXT + 100


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (">>> import llvmlite.ir\n", "machine code"),
        ('>>> raise RuntimeError("can\'t start new thread")\n', "one thread alone"),
        (">>> import torch\n", "PyTorch"),
        (">>> import surely_absent\n", "surely_absent is not served with this site"),
    ],
)
def test_what_a_tab_does_not_have_is_said_by_name(page, code, why, monkeypatch):
    for name in ("llvmlite", "llvmlite.ir", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    found = page.run(code)
    assert found["error"]
    assert why in found["why"]


def test_what_is_served_is_asked_for_also_where_the_package_says_it_in_its_own_words(page):
    page.served = {"surely_absent"}
    code = ">>> try:\n...     import surely_absent.part\n... except ImportError:\n...     raise ValueError('no')\n"
    assert page.run(code)["needs"] == ["surely_absent"]
    assert page.run(">>> raise ValueError('of its own')\n")["needs"] == []


def test_pictures_and_pages_that_a_block_makes_are_shown_once(page):
    pytest.importorskip("matplotlib")
    page.names |= {"mg": mg, "np": np, "nn": nn}
    found = page.run(">>> picture = mg.viz.curves({'loss': [1.0, 0.5]})\n")
    assert found["same"]
    assert [url[:22] for url in found["pictures"]] == ["data:image/png;base64,"]
    assert page.run(">>> again = picture\n")["pictures"] == []
    found = page.run(">>> page = mg.viz.graph(mg.tensor([1.0], requires_grad=True).sum())\n")
    assert found["pictures"] == []
    assert "<html" in found["pages"][0]


def test_the_last_value_of_a_cell_shows_itself(page):
    page.names["mg"] = mg
    found = page.cell("x = mg.tensor([1.0, 2.0])\nprint('first')\nx")
    assert found["html"] == [x._repr_html_() for x in [page.names["x"]]]
    assert page.cell("y = x.shape\ny")["html"] == []
    assert page.cell("y = 3")["html"] == []
    assert page.cell("for i in range(2):\n    i")["same"]
    assert "".join(page.said) == "first\n(2,)\n"
    pytest.importorskip("matplotlib")
    found = page.cell("mg.viz.curves({'loss': [1.0, 0.5]})")
    assert (len(found["pictures"]), found["html"]) == (1, [])
    assert page.cell("1 / 0\nx")["error"]
    assert page.cell("x = = 1")["error"]


def test_a_page_has_a_folder_of_its_own_and_its_modules_can_be_imported():
    before = Path.cwd()
    page = blocks.Page(name="start.md")
    assert page.run(">>> from pathlib import Path\n>>> Path('one_of_a_page.py').write_text('one = 1')\n7\n")["same"]
    assert page.run(">>> import one_of_a_page\n>>> one_of_a_page.one\n1\n")["same"]
    page.close()
    assert "one_of_a_page" not in sys.modules  # another page may write one of the same name
    assert Path.cwd() == before
    assert not (before / "one_of_a_page.py").exists()


def test_a_page_of_the_reference_has_the_names_of_its_module():
    before = np.get_printoptions()
    made = blocks.Page(name="minigrad.linalg.md")
    try:
        assert made.run(">>> inv(mg.tensor([[3.0]]))\ntensor([[0.3333]])\n")["same"]  # and mg, as any example
    finally:
        made.close()
    assert np.get_printoptions() == before


def test_lines_are_named_as_pytest_names_them(page):
    page.names["mg"] = mg
    page.run(">>> 1\n1\n")
    page.names["w"] = mg.tensor([1.0, 2.0], requires_grad=True)
    page.run(">>> with mg.detect_anomaly():\n...     loss = (w * w).sum()\n>>> print(loss.explain(w[1]).ways[0])\n")
    assert "<doctest start.md[1]>:2: loss = (w * w).sum()" in "".join(page.said)


# -- the files ----------------------------------------------------------------------------------------


@pytest.fixture
def pyodide(tmp_path, monkeypatch):
    """A folder as npm and wheels make it, with text in place of programs."""
    folder = tmp_path / "pyodide"
    (folder / "wheels").mkdir(parents=True)
    for name in (*files.CORE, files.GLUE[0]):
        (folder / name).write_text(name)
    listed = {}
    for name, depends in (("numpy", []), ("matplotlib", ["numpy"]), ("scipy", ["numpy"]), ("scikit-learn", ["scipy"])):
        wheel = folder / "wheels" / f"{name}-1.whl"
        wheel.write_text(name)
        total = hashlib.sha256(wheel.read_bytes()).hexdigest()
        module = "sklearn" if name == "scikit-learn" else name
        listed[name] = {"file_name": wheel.name, "sha256": total, "depends": depends, "imports": [module]}
    (folder / "pyodide-lock.json").write_text(json.dumps({"info": {}, "packages": {**listed, "other": {}}}))
    monkeypatch.setattr(files, "own_wheel", lambda to: {"file_name": "minigrad-1.whl", "depends": ["numpy"]})
    return folder


def test_what_is_served_is_what_the_list_says(pyodide, tmp_path):
    (pyodide / "wheels" / "scipy-1.whl").write_text("another")
    left_out = files.collect(pyodide, tmp_path / "run")
    assert [line.split(":")[0] for line in left_out] == ["scipy", "scikit-learn", "sortedcontainers", "hypothesis"]
    made = {path.name for path in (tmp_path / "run").iterdir()}
    assert {*files.OWN, *files.CORE, "pyodide.asm.js", "numpy-1.whl", "matplotlib-1.whl", "served.json"} <= made
    assert "scipy-1.whl" not in made
    listed = json.loads((tmp_path / "run" / "pyodide-lock.json").read_text())["packages"]
    assert set(listed) == {"numpy", "matplotlib", "minigrad"}
    assert json.loads((tmp_path / "run" / "served.json").read_text()) == {"numpy": "numpy", "matplotlib": "matplotlib"}


def test_a_pure_wheel_is_taken_as_it_lies_there(pyodide, tmp_path):
    for name in ("sortedcontainers-2.4.0-py2.py3-none-any.whl", "hypothesis-6.1-py3-none-any.whl"):
        (pyodide / name).write_text(name)
    assert files.collect(pyodide, tmp_path / "run") == []
    listed = json.loads((tmp_path / "run" / "pyodide-lock.json").read_text())["packages"]
    assert listed["hypothesis"]["depends"] == ["sortedcontainers"]
    assert json.loads((tmp_path / "run" / "served.json").read_text())["sklearn"] == "scikit-learn"


@pytest.mark.parametrize(("name", "said"), [("pyodide.asm.wasm", "no pyodide"), ("wheels/numpy-1.whl", "numpy-1")])
def test_a_folder_that_lacks_something_is_refused(name, said, pyodide, tmp_path):
    (pyodide / name).unlink()
    with pytest.raises(FileNotFoundError, match=said):
        files.collect(pyodide, tmp_path / "run")


def test_every_file_of_the_runner_is_copied():
    assert {path.name for path in (SITE / "browser").iterdir() if path.is_file()} == set(files.OWN)


def test_nothing_of_the_runner_names_another_origin():
    for name in files.OWN:
        assert "http" not in (SITE / "browser" / name).read_text(encoding="utf-8")
