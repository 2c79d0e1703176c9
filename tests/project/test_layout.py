"""tests/ mirrors minigrad/: a folder for each room, and how many source files have a test file of their name."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Folders of tests that are no room of the package.
OTHERS = {"benchmarks", "examples", "project", "samples", "torch"}


def sources():
    package = ROOT / "minigrad"
    return [file.relative_to(package) for file in package.rglob("*.py") if file.name != "__init__.py"]


def test_each_folder_of_tests_is_a_room():
    folders = {file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")}
    rooms = {Path(), *(source.parent for source in sources())}
    assert {folder for folder in folders if folder not in rooms and folder.parts[0] not in OTHERS} == set()


def test_source_files_have_test_files_of_their_name():
    """All files with rows of the table do (tests/ops/test_ops.py); of all files the share only grows."""
    has = [source for source in sources() if (ROOT / "tests" / source.parent / f"test_{source.name}").exists()]
    assert len(has) / len(sources()) > 0.85
