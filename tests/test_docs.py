"""The README's code runs, and prints what stands below it."""

import ast
import contextlib
import io
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)


def test_there_are_blocks():
    assert len(BLOCKS) == 5


@pytest.mark.parametrize(("code", "output"), BLOCKS, ids=["model", "own op", "every order", "compiled", "training"])
def test_readme_code_prints_what_it_shows(code, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<readme>", "exec"), {"__name__": "readme"})
    assert printed.getvalue() == output


def test_the_two_commands_come_first_and_need_nothing_set_up():
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[:2]
    for command, last in ((first, "examples/spiral.py"), (second, "pytest")):
        words = shlex.split(command)
        assert words[:4] == ["python3", "-m", "venv", ".venv"]
        assert words[-1] == last


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not missing


EVERY_TEXT = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "examples", ROOT / "minigrad", ROOT / "tests")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*"))
    if path.suffix in {".md", ".py", ".toml", ".txt"} and path != Path(__file__)
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_nobody_is_sent_to_another_project_of_this_name():
    """On the public index the name minigrad is another project: this one is installed from a checkout."""
    wrong = re.compile(r"minigrad\\?\[[a-z]|install (-\S+ )*['\"]?minigrad\b")
    assert len(EVERY_TEXT) > 300
    found = [
        f"{path.name}: {line}" for path in EVERY_TEXT for line in path.read_text().split("\n") if wrong.search(line)
    ]
    assert not found


def test_every_extra_that_is_named_is_there():
    named = {
        extra
        for path in EVERY_TEXT
        for listed in re.findall(r"pip install[^\n]*'\.\[([\w,]+)\]'", path.read_text())
        for extra in listed.split(",")
    }
    assert {"examples", "test"} <= named <= set(EXTRAS)


def test_the_examples_extra_holds_what_they_import():
    names = {"sklearn": "scikit-learn"}
    scripts = list((ROOT / "examples").glob("*.py"))
    own = {script.stem for script in scripts} | {"minigrad", *sys.stdlib_module_names}
    imported = set()
    for script in scripts:
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    needed = {names.get(name, name) for name in (module.split(".")[0] for module in imported) if name not in own}
    held = {re.match(r"[\w-]+", requirement)[0] for requirement in EXTRAS["examples"]}
    assert needed == held | {"numpy"}


def test_every_example_has_a_page_and_is_linked():
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py") if "__main__" in path.read_text()}
    pages = {path.stem for path in (ROOT / "docs" / "examples").glob("*.md")}
    assert pages == scripts
    assert {page for page in pages if f"(docs/examples/{page}.md)" in README} == pages


def test_every_page_is_reached_from_the_readme():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#:]+\.md)[^)]*\)", page.read_text())
            ahead += [(page.parent / link).resolve() for link in links]
    assert reached == {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")}
