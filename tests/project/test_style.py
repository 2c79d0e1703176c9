"""Private names stay in their file, files of formulas are short, and no line is kept from the formatter."""

import ast
from pathlib import Path

import minigrad

HOUSE = Path(minigrad.__file__).parent

#: The text of this file is copied out of it, into exported programs: its names are private in those.
COPIED = "standalone"


def private(name):
    return name.startswith("_") and not name.endswith("__")


def borrowed(tree, path):
    """The private names that a file takes from other files of the package."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minigrad"):
            folder = HOUSE.parent.joinpath(*node.module.split("."))
            for alias in node.names:
                if private(alias.name):
                    yield f"{path}: from {node.module} import {alias.name}"
                if (folder / alias.name).is_dir() or (folder / f"{alias.name}.py").is_file():
                    modules.add(alias.asname or alias.name)
    for node in ast.walk(tree):
        owner = getattr(getattr(node, "value", None), "id", None) if isinstance(node, ast.Attribute) else None
        if owner in modules - {COPIED} and private(node.attr):
            yield f"{path}: {owner}.{node.attr}"


def test_no_file_takes_a_private_name_from_another():
    files = sorted(HOUSE.rglob("*.py"))
    assert len(files) > 200
    found = [name for file in files for name in borrowed(ast.parse(file.read_text()), file.relative_to(HOUSE))]
    assert found == []


def test_both_ways_of_taking_one_are_found():
    text = "from minigrad.random import _here\nfrom minigrad import random as r\nr._there, r.seed, r.__name__, x._own"
    assert list(borrowed(ast.parse(text), "f.py")) == ["f.py: from minigrad.random import _here", "f.py: r._there"]


def test_the_formatter_lays_out_every_line_of_the_files_it_is_given():
    marked = [path.name for path in HOUSE.rglob("*.py") if "# fmt: " in path.read_text()]
    assert marked == []


def test_a_file_of_formulas_is_read_at_one_sitting():
    lengths = {path.name: len(path.read_text().splitlines()) for path in (HOUSE / "ops").glob("*.py")}
    assert len(lengths) > 40
    assert {name: length for name, length in lengths.items() if length > 250} == {}
