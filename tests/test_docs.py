"""The README's code runs, and prints what stands below it."""

import contextlib
import io
import re
import shlex
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
